"""Evaluating a predictor on labelled documents, from raw text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from escalation.corpus import CorpusError, read_documents
from escalation.document import Document
from escalation.labels import LabelScheme, labels_in, labels_to_score
from escalation.predictor import Predictor
from escalation.report import full_report
from escalation.sentences import with_sentences


def evaluate_predictor(
    predictor: Predictor,
    documents: Sequence[Document],
    *,
    train: Sequence[Document] = (),
) -> dict[str, Any]:
    """Run the whole pipeline on the documents' texts and compare it with their labels.

    Args:
        predictor: A loaded model.
        documents: Labelled documents.
        train: The documents that the model was trained on, if names that it has seen are to be told from new ones.

    Returns:
        The scores of :func:`~escalation.report.full_report`, of the kinds of labels that the documents carry.

    Raises:
        ValueError: The documents carry none of the model's labels.
    """
    labels = labels_to_score(predictor.decoder.labels, documents)
    predicted = list(predictor.stream(document.text for document in documents))
    return full_report(documents, predicted, labels, train=train)


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
