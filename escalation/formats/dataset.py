"""A ``datasets.DatasetDict`` on disk, a split for each set of documents. It holds all that the one form holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalation.document import Document
from escalation.formats.base import FormatError, Losses, replace_surrogates
from escalation.formats.json_lines import errors_named

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features

_META = "meta"


def to_dataset_dict(splits: Mapping[str, Iterable[Document]]) -> tuple[DatasetDict, Losses]:
    """Return documents as a ``DatasetDict``, and what it could not hold.

    Columns: ``id``, ``text``, ``sentences`` (``start``, ``end``, ``stances``, ``scores`` as pairs of stance and score,
    ``rationale``), ``spans`` (``start``, ``end``, ``label``, ``score``) and ``meta`` (further fields, as JSON).

    Args:
        splits: Documents by the name of their split.
    """
    from datasets import Dataset, DatasetDict

    losses = Losses()
    return DatasetDict(
        {
            name: Dataset.from_list([_row(document, losses) for document in documents], features=_features())
            for name, documents in splits.items()
        }
    ), losses


def from_dataset(dataset: Dataset) -> Iterator[Document]:
    """Yield the documents of a data set with the columns of :func:`to_dataset_dict`; only ``text`` must be there.

    Raises:
        FormatError: A row lacks its text or breaks a rule of the one form.
    """
    for number, row in enumerate(dataset):
        with errors_named(f"row {number}"):
            yield _document(row)


def load_splits(path: Path) -> dict[str, Dataset]:
    """Load a ``DatasetDict`` or ``Dataset`` that ``save_to_disk`` wrote, as splits.

    Raises:
        FormatError: The folder is not of that form, or not whole.
    """
    from datasets import Dataset, load_from_disk

    try:
        loaded = load_from_disk(str(path))
    except (OSError, ValueError, KeyError) as error:
        raise FormatError(f"{path}: not a data set saved by `datasets`, or not whole: {error}") from None
    return {path.name: loaded} if isinstance(loaded, Dataset) else dict(loaded)


def is_saved_dataset(path: Path) -> bool:
    """Whether a folder was written by ``save_to_disk``."""
    return any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def _features() -> Features:
    from datasets import Features, List, Value

    whole, text, number = Value("int64"), Value("string"), Value("float64")
    word = {"stance": text, "start": whole, "end": whole, "score": number}
    sentence = {
        "start": whole,
        "end": whole,
        "stances": List(text),
        "scores": List({"stance": text, "score": number}),
        "rationale": List(word),
    }
    span = {"start": whole, "end": whole, "label": text, "score": number}
    return Features({"id": text, "text": text, "sentences": List(sentence), "spans": List(span), _META: text})


def _row(document: Document, losses: Losses) -> dict[str, Any]:
    sentences = []
    for sentence in document.sentences:
        record = sentence.to_dict()
        record["scores"] = [{"stance": stance, "score": score} for stance, score in sentence.scores.items()]
        record["rationale"] = [
            {"stance": stance, "start": word.start, "end": word.end, "score": word.score}
            for stance, words in sentence.rationale.items()
            for word in words
        ]
        sentences.append(record)
    return {
        "id": document.id if document.id is None else replace_surrogates(document.id, losses),
        "text": replace_surrogates(document.text, losses),
        "sentences": sentences,
        "spans": [{"score": None, **span.to_dict()} for span in document.spans],
        _META: json.dumps(dict(document.meta)),
    }


def _document(row: Mapping[str, Any]) -> Document:
    sentences = []
    for item in row.get("sentences") or []:
        rationale: dict[str, list[dict[str, Any]]] = {}
        for word in item.get("rationale") or []:
            rationale.setdefault(word["stance"], []).append(word)
        scores = {pair["stance"]: pair["score"] for pair in item.get("scores") or []}
        sentences.append({**item, "scores": scores, "rationale": rationale})
    record = {"id": row.get("id"), "text": row["text"], "sentences": sentences, "spans": row.get("spans") or []}
    return Document.from_dict({**json.loads(row.get(_META) or "{}"), **record})
