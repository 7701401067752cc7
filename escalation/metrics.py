"""Metrics as ``evaluate`` modules: exact-match spans, and stances of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np
from evaluate.info import MetricInfo
from evaluate.module import Metric
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from escalation.document import NO_STANCE, Document, Sentence

_SPAN = {
    "start": datasets.Value("int64"),
    "end": datasets.Value("int64"),
    "label": datasets.Value("string"),
}


class SpanScores(Metric):
    """Precision, recall and F1 of spans whose borders and label match exactly.

    A prediction or reference is the list of one document's spans: ``{"start": int, "end": int, "label": str}``.
    """

    def _info(self) -> MetricInfo:
        return MetricInfo(
            description="Exact-match span precision, recall and F1, per label and over all (micro).",
            citation="",
            inputs_description="For each document a list of spans: start, end, label.",
            features=datasets.Features({"predictions": datasets.List(_SPAN), "references": datasets.List(_SPAN)}),
        )

    def _compute(
        self,
        predictions: list[list[dict[str, Any]]],
        references: list[list[dict[str, Any]]],
        labels: list[str],
    ) -> dict[str, dict[str, float]]:
        predicted, gold = _span_set(predictions), _span_set(references)
        ordered = sorted(predicted | gold)
        scores = {}
        for name, wanted in [*((label, {label}) for label in labels), ("micro", set(labels))]:
            rows = [span for span in ordered if span[3] in wanted]
            scores[name] = _binary_scores([span in gold for span in rows], [span in predicted for span in rows])
        return scores


class StanceScores(Metric):
    """Precision, recall and F1 of each stance, the macro mean of those in the references, and primary accuracy.

    A prediction or reference is the list of one sentence's stances, the primary one first.
    """

    def _info(self) -> MetricInfo:
        stances = datasets.List(datasets.Value("string"))
        return MetricInfo(
            description="Stance precision, recall and F1, their macro mean, and primary-stance accuracy.",
            citation="",
            inputs_description="For each sentence a list of stances, primary first.",
            features=datasets.Features({"predictions": stances, "references": stances}),
        )

    def _compute(self, predictions: list[list[str]], references: list[list[str]], labels: list[str]) -> dict[str, Any]:
        scores: dict[str, Any] = {
            label: _binary_scores([label in row for row in references], [label in row for row in predictions])
            for label in labels
        }
        supported = [scores[label]["f1"] for label in labels if scores[label]["support"]]
        scores["macro_f1"] = float(np.mean(supported)) if supported else 0.0
        primary_gold, primary_predicted = ([primary_stance(row) for row in rows] for rows in (references, predictions))
        scores["primary_accuracy"] = float(accuracy_score(primary_gold, primary_predicted)) if references else 0.0
        scores["primary_macro_f1"] = (
            float(f1_score(primary_gold, primary_predicted, average="macro", zero_division=0.0)) if references else 0.0
        )
        return scores


def score_documents(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    entity_labels: Sequence[str],
    stances: Sequence[str],
) -> dict[str, Any]:
    """Score predicted documents against gold ones over the same texts.

    Spans must match exactly. The predicted sentences may be others than the gold ones: each gold sentence takes the
    stances of the predicted sentence that overlaps it most.

    Args:
        gold: Labelled documents.
        predicted: Predictions for the same texts, in the same order.
        entity_labels: Labels of spans to score.
        stances: Stances to score.

    Returns:
        ``{"spans": {label: {"precision", "recall", "f1", "support"}, "micro": ...}, "stances": {stance: ...,
        "macro_f1", "primary_accuracy", "primary_macro_f1"}, "documents", "sentences"}``.

    Raises:
        ValueError: The texts differ.
    """
    for expected, found in zip(gold, predicted, strict=True):
        if expected.text != found.text:
            raise ValueError(f"the prediction for document {expected.id!r} is of another text")
    span_scores = SpanScores(keep_in_memory=True).compute(
        predictions=[_span_rows(document) for document in predicted],
        references=[_span_rows(document) for document in gold],
        labels=list(entity_labels),
    )
    sentences = [sentence for document in gold for sentence in document.sentences]
    aligned = [
        sentence
        for expected, found in zip(gold, predicted, strict=True)
        for sentence in align_sentences(expected.sentences, found.sentences)
    ]
    stance_scores = StanceScores(keep_in_memory=True).compute(
        predictions=[list(sentence.stances) if sentence else [] for sentence in aligned],
        references=[list(sentence.stances) for sentence in sentences],
        labels=list(stances),
    )
    return {
        "spans": span_scores,
        "stances": stance_scores,
        "documents": len(gold),
        "sentences": len(sentences),
    }


def align_sentences(gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> list[Sentence | None]:
    """Return for each gold sentence the predicted sentence that overlaps it most, the first of equals, or None.

    Both sequences must be in text order.
    """
    aligned: list[Sentence | None] = []
    first = 0
    for sentence in gold:
        while first < len(predicted) and predicted[first].end <= sentence.start:
            first += 1
        best, best_overlap = None, 0
        for candidate in predicted[first:]:
            if candidate.start >= sentence.end:
                break
            overlap = min(sentence.end, candidate.end) - max(sentence.start, candidate.start)
            if overlap > best_overlap:
                best, best_overlap = candidate, overlap
        aligned.append(best)
    return aligned


def selection_score(scores: dict[str, Any]) -> float:
    """Return the figure by which checkpoints are compared: the mean of the span F1s and the stance macro-F1."""
    parts = [value["f1"] for label, value in scores["spans"].items() if label != "micro"]
    if any(isinstance(value, dict) for value in scores["stances"].values()):
        parts.append(scores["stances"]["macro_f1"])
    return float(np.mean(parts)) if parts else 0.0


def _span_rows(document: Document) -> list[dict[str, Any]]:
    return [{"start": span.start, "end": span.end, "label": span.label} for span in document.spans]


def _span_set(rows: list[list[dict[str, Any]]]) -> set[tuple[int, int, int, str]]:
    return {(index, span["start"], span["end"], span["label"]) for index, spans in enumerate(rows) for span in spans}


def _binary_scores(gold: list[bool], predicted: list[bool]) -> dict[str, float]:
    if not gold:
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    precision, recall, f1, _ = precision_recall_fscore_support(gold, predicted, average="binary", zero_division=0.0)
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": sum(gold)}


def primary_stance(stances: Sequence[str]) -> str:
    """Return the first of a sentence's stances, or ``none``."""
    return stances[0] if stances else NO_STANCE
