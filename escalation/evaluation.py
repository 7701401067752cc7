"""Evaluating a predictor on labelled documents, from raw text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from escalation.corpus import CorpusError, read_documents
from escalation.document import Document
from escalation.labels import LabelScheme, labels_in
from escalation.metrics import score_documents
from escalation.predictor import Predictor
from escalation.sentences import with_sentences


def evaluate_predictor(
    predictor: Predictor,
    documents: Sequence[Document],
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> dict[str, Any]:
    """Run the whole pipeline on the documents' texts and compare it with their labels.

    Args:
        predictor: A loaded model.
        documents: Labelled documents.
        progress: Wraps the texts, to show how far they are read.

    Returns:
        The scores of :func:`~escalation.metrics.score_documents`.
    """
    predicted = list(predictor.stream(progress(document.text for document in documents)))
    labels = predictor.decoder.labels
    return score_documents(documents, predicted, labels.entity_labels, labels.stances)


def read_with_sentences(paths: Iterable[str | Path]) -> list[Document]:
    """Read documents from JSON Lines files; those without sentences get some.

    Raises:
        CorpusError: A file is broken, or the files hold no text.
        OSError: A file cannot be read.
    """
    paths = list(paths)
    documents = [document for path in paths for document in read_documents(path)]
    if not any(document.text.strip() for document in documents):
        raise CorpusError(f"{', '.join(map(str, paths))}: no document with text")
    return [document if document.sentences else with_sentences(document) for document in documents]


def read_labelled(paths: Iterable[str | Path]) -> list[Document]:
    """Read labelled documents from JSON Lines files; those without sentences get some.

    Raises:
        CorpusError: A file is broken, or the files hold no label.
        OSError: A file cannot be read.
    """
    paths = list(paths)
    documents = read_with_sentences(paths)
    if labels_in(documents) == LabelScheme((), ()):
        raise CorpusError(
            f"{', '.join(map(str, paths))}: no span and no stance; if an annotation tool wrote this, "
            "turn it into documents with `escalation convert` first"
        )
    return documents


def score_rows(scores: dict[str, Any]) -> Iterator[tuple[str, float | None, float | None, float, int]]:
    """Return the scores as rows: name, precision, recall, F1 (or the only figure), support.

    Args:
        scores: What :func:`evaluate_predictor` returned.
    """
    for kind in ("spans", "stances"):
        for name, value in scores[kind].items():
            if isinstance(value, dict):
                name = "all spans" if name == "micro" else name
                yield name, value["precision"], value["recall"], value["f1"], value["support"]
    for name, key in (
        ("stance macro-F1", "macro_f1"),
        ("primary stance accuracy", "primary_accuracy"),
        ("primary stance macro-F1", "primary_macro_f1"),
    ):
        yield name, None, None, scores["stances"][key], scores["sentences"]
