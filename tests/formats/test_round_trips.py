"""The law of all formats: what a format says it holds comes back equal."""

import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from escalation.conversion import FORMAT_NAMES, convert, detect_format, read_splits, write_splits
from escalation.corpus import read_documents, write_documents
from escalation.document import Document
from escalation.formats import ConversionWarning, FormatError, Losses
from tests.conftest import REPOSITORY
from tests.strategies import documents, tidy_documents

OWN_CORPUS = REPOSITORY / "data" / "corpus" / "train.jsonl"
SUFFIXES = {"jsonl": ".jsonl", "conll": ".conll", "doccano": ".jsonl", "prodigy": ".jsonl", "label-studio": ".json",
            "spacy": ".spacy", "brat": "", "datasets": ""}  # fmt: skip
TEXT_LEFT = "further fields of documents (left out)"


def there_and_back(written: Sequence[Document], name: str) -> tuple[list[Document], Losses]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)
        path = Path(folder) / f"data{SUFFIXES[name]}"
        losses = write_splits({"data": written}, path, name)
        return [document for split in read_splits(path, name).values() for document in split], losses


def test_every_format_is_tested() -> None:
    assert set(SUFFIXES) == set(FORMAT_NAMES)


@pytest.mark.parametrize("name", FORMAT_NAMES)
@given(document=tidy_documents())
def test_what_annotators_make_comes_back_equal(name: str, document: Document) -> None:
    if name == "brat":
        document = replace(document, meta={})
    read, losses = there_and_back([document], name)
    assert losses == Losses()
    assert read == [document]


@pytest.mark.parametrize("name", FORMAT_NAMES)
@given(document=documents())
def test_what_is_not_counted_as_lost_comes_back_equal(name: str, document: Document) -> None:
    try:
        read, losses = there_and_back([document], name)
    except FormatError:
        assert name in {"brat", "conll"}  # names of files, line feeds at borders
        return
    if not losses:
        assert read == [document]


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_two_hundred_documents_of_the_corpus(name: str, tmp_path: Path) -> None:
    corpus = [document for document, _ in zip(read_documents(OWN_CORPUS), range(200), strict=False)]
    assert len(corpus) == 200
    write_documents(corpus, tmp_path / "corpus.jsonl")
    target = tmp_path / f"converted{SUFFIXES[name]}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConversionWarning)
        losses = convert(tmp_path / "corpus.jsonl", target, target_format=name)
        assert detect_format(target) == name
        convert(target, tmp_path / "back.jsonl")
    back = list(read_documents(tmp_path / "back.jsonl"))
    if name == "brat":
        assert losses == Losses({TEXT_LEFT: sum(len(document.meta) for document in corpus)})
        assert len(caught) == 1
        assert f"{losses[TEXT_LEFT]} {TEXT_LEFT}" in str(caught[0].message)
        corpus = sorted((replace(document, meta={}) for document in corpus), key=lambda item: str(item.id))
    else:
        assert not losses
    assert back == corpus


@pytest.mark.parametrize("name", sorted(set(FORMAT_NAMES) - {"jsonl", "datasets"}))
def test_scores_are_counted_as_lost(name: str, tmp_path: Path) -> None:
    record = {
        "id": "a",
        "text": "Jets struck.",
        "sentences": [{"start": 0, "end": 12, "stances": ["escalation"], "scores": {"escalation": 0.9}}],
        "spans": [{"start": 0, "end": 4, "label": "WEAPON", "score": 0.8}],
    }
    source = tmp_path / "predicted.jsonl"
    source.write_text(json.dumps(record) + "\n")
    with pytest.warns(ConversionWarning, match="1 scores of spans, 1 scores of sentences"):
        losses = convert(source, tmp_path / f"out{SUFFIXES[name]}", target_format=name)
    assert losses == {"scores of spans": 1, "scores of sentences": 1}
