"""How sure a score is: 95% intervals from resampling documents (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from escalation.document import Document
from escalation.metrics import align_sentences, primary_stance

SAMPLES = 1_000
_LOW, _HIGH = 2.5, 97.5

Counts = npt.NDArray[np.float64]


def score_intervals(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    entity_labels: Sequence[str],
    stances: Sequence[str],
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return 95% percentile intervals of the main scores, drawing whole documents with replacement.

    Sentences of one document are alike, so that drawing single sentences would make the intervals too narrow.

    Args:
        gold: Labelled documents.
        predicted: Predictions for the same texts, in the same order.
        entity_labels: Labels of spans to score.
        stances: Stances to score.
        samples: How often documents are drawn.
        seed: Where the drawing starts.

    Returns:
        ``{"spans": {label: [low, high], "micro": ...}, "stances": {stance: ..., "macro_f1": ...,
        "primary_accuracy": ...}}``, of F1 where nothing else is said.

    Raises:
        ValueError: There are no documents.
    """
    pairs = list(zip(gold, predicted, strict=True))
    if not pairs:
        raise ValueError("there are no documents to score")
    draws = np.random.default_rng(seed).multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), samples)
    spans = _f1(draws, np.array([_span_counts(*pair, entity_labels) for pair in pairs]))
    stance_counts = [_stance_counts(*pair, stances) for pair in pairs]
    stance_f1 = _f1(draws, np.array([counts for counts, _ in stance_counts]).reshape(len(pairs), len(stances), 3))
    supported = np.array([[wanted > 0 for _, _, wanted in counts] for counts, _ in stance_counts]).any(axis=0)
    primary = draws @ np.array([counts for _, counts in stance_counts])
    return {
        "spans": dict(zip([*entity_labels, "micro"], _percentiles(spans), strict=True)),
        "stances": {
            **dict(zip(stances, _percentiles(stance_f1), strict=True)),
            "macro_f1": (
                _percentiles(stance_f1[:, supported].mean(axis=1, keepdims=True))[0] if supported.any() else [0.0, 0.0]
            ),
            "primary_accuracy": _percentiles(primary[:, :1] / np.maximum(primary[:, 1:], 1))[0],
        },
    }


def _span_counts(gold: Document, predicted: Document, labels: Sequence[str]) -> list[list[int]]:
    """Return for each label, and for all together, how many spans are right, predicted and gold."""
    found, wanted = ({(span.start, span.end, span.label) for span in item.spans} for item in (predicted, gold))
    rows = [[sum(span[2] == label for span in spans) for spans in (found & wanted, found, wanted)] for label in labels]
    return [*rows, [sum(column) for column in zip(*rows, strict=True)] or [0, 0, 0]]


def _stance_counts(
    gold: Document, predicted: Document, stances: Sequence[str]
) -> tuple[list[list[int]], tuple[int, int]]:
    """Return for each stance how many sentences are right, predicted and gold; and how many primary ones are right."""
    pairs = [
        (sentence.stances, found.stances if found else ())
        for sentence, found in zip(gold.sentences, align_sentences(gold.sentences, predicted.sentences), strict=True)
    ]
    rows = [
        [
            sum(stance in wanted and stance in found for wanted, found in pairs),
            sum(stance in found for _, found in pairs),
            sum(stance in wanted for wanted, _ in pairs),
        ]
        for stance in stances
    ]
    return rows, (sum(primary_stance(wanted) == primary_stance(found) for wanted, found in pairs), len(pairs))


def _f1(draws: npt.NDArray[np.int64], counts: Counts) -> Counts:
    """Return the F1 of each draw, shape ``(samples, labels)``, from counts of shape ``(documents, labels, 3)``."""
    right, found, wanted = np.moveaxis(np.tensordot(draws, counts, axes=1), -1, 0)
    return np.asarray(2 * right / np.maximum(found + wanted, 1), dtype=np.float64)


def _percentiles(values: Counts) -> list[list[float]]:
    """Return for each column its interval, as low and high end."""
    return [[float(low), float(high)] for low, high in np.percentile(values, [_LOW, _HIGH], axis=0).T]
