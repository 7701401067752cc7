"""What an evaluation tells beyond the scores: intervals, overlaps, new names, confusions, calibration, groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from escalation.bootstrap import score_intervals
from escalation.calibration import calibration_error, reliability_bins
from escalation.document import NO_STANCE, Document, Sentence, Span
from escalation.labels import LabelScheme
from escalation.metrics import align_sentences, primary_stance, score_documents

_FEWEST_IN_GROUP = 2


def full_report(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    labels: LabelScheme,
    *,
    train: Sequence[Document] = (),
    group_by: str = "source",
) -> dict[str, Any]:
    """Score predictions in full.

    Args:
        gold: Labelled documents.
        predicted: Predictions for the same texts, in the same order.
        labels: Labels to score.
        train: The documents that the model was trained on, to tell names that it has seen from new ones.
        group_by: Field of the documents' metadata by which scores are broken down, such as ``source``.

    Returns:
        The scores of :func:`~escalation.metrics.score_documents`, and further: ``intervals`` (see
        :func:`~escalation.bootstrap.score_intervals`), ``overlap`` (span scores where sharing a character is enough),
        ``forms`` (with ``train``: span scores for ``seen`` and ``unseen`` surface forms), ``confusion`` (of primary
        stances: ``labels``, and ``counts`` with a row for each gold stance), ``calibration`` (of stances and spans:
        expected calibration ``error`` and reliability ``bins``) and ``groups`` (the main scores by ``group_by``).

    Raises:
        ValueError: The texts differ, or there are none.
    """
    scores = score_documents(gold, predicted, labels.entity_labels, labels.stances)
    report = scores | {
        "intervals": score_intervals(gold, predicted, labels.entity_labels, labels.stances),
        "overlap": {label: _overlap_scores(gold, predicted, label) for label in labels.entity_labels},
        "confusion": _confusion(gold, predicted, labels.stances),
        "calibration": _calibration(gold, predicted, labels),
        "groups": dict(_groups(gold, predicted, labels, group_by)),
    }
    if train:
        report["forms"] = {label: _form_scores(gold, predicted, train, label) for label in labels.entity_labels}
    return report


def _overlap_scores(gold: Sequence[Document], predicted: Sequence[Document], label: str) -> dict[str, float]:
    pairs = [(item.labelled(label), found.labelled(label)) for item, found in zip(gold, predicted, strict=True)]
    right_found = sum(_meets(span, wanted) for wanted, found in pairs for span in found)
    right_wanted = sum(_meets(span, found) for wanted, found in pairs for span in wanted)
    return _scores(
        right_found, sum(len(found) for _, found in pairs), right_wanted, sum(len(wanted) for wanted, _ in pairs)
    )


def _meets(span: Span, others: Sequence[Span]) -> bool:
    return any(other.start < span.end and span.start < other.end for other in others)


def _form_scores(
    gold: Sequence[Document], predicted: Sequence[Document], train: Sequence[Document], label: str
) -> dict[str, dict[str, float]]:
    """Score spans whose surface form the training documents hold under this label, and the others, apart."""
    known = {span.text.casefold() for document in train for span in document.labelled(label)}

    def spans(documents: Sequence[Document], *, seen: bool) -> set[tuple[int, int, int]]:
        return {
            (index, span.start, span.end)
            for index, document in enumerate(documents)
            for span in document.labelled(label)
            if (span.text.casefold() in known) is seen
        }

    scores = {}
    for name, seen in (("seen", True), ("unseen", False)):
        wanted, found = spans(gold, seen=seen), spans(predicted, seen=seen)
        right = len(wanted & found)
        scores[name] = _scores(right, len(found), right, len(wanted))
    return scores


def _scores(right_found: int, found: int, right_wanted: int, wanted: int) -> dict[str, float]:
    precision, recall = right_found / found if found else 0.0, right_wanted / wanted if wanted else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": wanted}


def _confusion(gold: Sequence[Document], predicted: Sequence[Document], stances: Sequence[str]) -> dict[str, Any]:
    names = [*stances, NO_STANCE]

    def primary(sentence: Sentence | None) -> str:
        return primary_stance([stance for stance in (sentence.stances if sentence else ()) if stance in stances])

    pairs = [
        (primary(sentence), primary(found))
        for item, prediction in zip(gold, predicted, strict=True)
        for sentence, found in zip(item.sentences, align_sentences(item.sentences, prediction.sentences), strict=True)
    ]
    counts = confusion_matrix([wanted for wanted, _ in pairs], [found for _, found in pairs], labels=names)
    return {"labels": names, "counts": counts.tolist()}


def _calibration(gold: Sequence[Document], predicted: Sequence[Document], labels: LabelScheme) -> dict[str, Any]:
    stances: dict[str, list[tuple[float, bool]]] = {stance: [] for stance in labels.stances}
    spans: dict[str, list[tuple[float, bool]]] = {label: [] for label in labels.entity_labels}
    for item, prediction in zip(gold, predicted, strict=True):
        aligned = align_sentences(item.sentences, prediction.sentences)
        for sentence, found in zip(item.sentences, aligned, strict=True):
            for stance, cases in stances.items():
                score = found.scores.get(stance) if found else None
                if score is not None:
                    cases.append((score, stance in sentence.stances))
        wanted = {(span.start, span.end, span.label) for span in item.spans}
        for span in prediction.spans:
            if span.score is not None and span.label in spans:
                spans[span.label].append((span.score, (span.start, span.end, span.label) in wanted))
    return {"stances": _reliability(stances), "spans": _reliability(spans)}


def _reliability(cases: dict[str, list[tuple[float, bool]]]) -> dict[str, Any]:
    """Return expected calibration error and bins of all cases, and the error for each name."""

    def bins(rows: Sequence[tuple[float, bool]]) -> list[Any]:
        scores = np.array(rows, dtype=np.float64).reshape(-1, 2)
        return reliability_bins(scores[:, 0], scores[:, 1])

    together = bins([case for rows in cases.values() for case in rows])
    return {
        "error": calibration_error(together),
        "errors": {name: calibration_error(bins(rows)) for name, rows in cases.items()},
        "bins": [item._asdict() for item in together],
    }


def _groups(
    gold: Sequence[Document], predicted: Sequence[Document], labels: LabelScheme, group_by: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    members: dict[str, list[int]] = {}
    for index, document in enumerate(gold):
        members.setdefault(str(document.meta.get(group_by, "")), []).append(index)
    if len(members) < _FEWEST_IN_GROUP:
        return
    for name, indices in sorted(members.items()):
        own_gold, own_predicted = [gold[index] for index in indices], [predicted[index] for index in indices]
        yield name, score_documents(own_gold, own_predicted, labels.entity_labels, labels.stances)
