import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from escalation.corpus import read_documents, write_documents
from escalation.document import Document, Sentence, Span
from scripts.measure_corpus import SPLITS, agreement, main, near_duplicates, repeated_share
from tests.conftest import REPOSITORY

DATA = REPOSITORY / "data"

app = Typer()
app.command()(main)
runner = CliRunner()


def test_repeated_runs_of_words() -> None:
    assert repeated_share(["one two three four five six seven"]) == 0
    assert repeated_share(["One two three, four five six.", "one two three four five six"]) == 0.5
    assert repeated_share([]) == 0


def test_near_duplicates() -> None:
    first = "Rebels shelled the old port of the city on Monday night"
    second = "Rebels shelled the old port of the city on Tuesday night"
    assert list(near_duplicates([first, "Envoys met in Geneva for talks about talks", second])) == [(first, second)]
    assert not list(near_duplicates([first, "Rebels shelled the old port and left before anybody saw them come"]))


def test_agreement_with_a_second_labelling(tmp_path: Path) -> None:
    text = "Jets struck. Envoys met."
    sentences = [Sentence(0, 12, text[:12], ("escalation",)), Sentence(13, 24, text[13:], ("diplomacy",))]
    spans = [Span(0, 4, "WEAPON", "Jets"), Span(13, 19, "ACTOR", "Envoys")]
    document = Document.build(text, sentences, spans, id="a")
    second = [
        {"id": "a", "sentence": 0, "stances": ["escalation"], "spans": [{"start": 0, "end": 4, "label": "WEAPON"}]},
        {"id": "a", "sentence": 1, "stances": [], "spans": []},
    ]
    path = tmp_path / "second.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in second))
    count, f1, kappa = agreement([document], path)
    assert (count, f1["WEAPON"], f1["ACTOR"]) == (2, 1.0, 0.0)
    assert kappa == pytest.approx(1 / 3)


def test_our_corpus_keeps_what_its_card_promises() -> None:
    options = ["--second-labels", str(DATA / "second_labels.jsonl"), "--card", str(DATA / "README.md")]
    result = runner.invoke(app, [str(DATA / "corpus"), *options])
    assert result.exit_code == 0, result.stderr


def test_a_missed_limit_and_a_card_that_says_something_else_fail(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text((DATA / "README.md").read_text())
    for split in SPLITS:
        documents = list(read_documents(DATA / "corpus" / f"{split}.jsonl"))
        if split == "test":
            documents.append(replace(documents[0], id="again"))
        write_documents(documents, tmp_path / f"{split}.jsonl")
    options = ["--second-labels", str(DATA / "second_labels.jsonl"), "--card", str(card)]
    result = runner.invoke(app, [str(tmp_path), *options])
    assert result.exit_code == 1
    assert "5-gram Jaccard over 0.35" in result.stderr
    assert "its figures are others; write them with --write" in result.stderr
    runner.invoke(app, [str(tmp_path), *options, "--write"])
    again = runner.invoke(app, [str(tmp_path), *options])
    assert "its figures are others" not in again.stderr
