"""Scores as rows of tables, for the terminal and for model cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

KINDS = ("spans", "stances")


class ScoreRow(NamedTuple):
    """One line of a table of scores.

    Attributes:
        name: What is scored.
        precision: Precision, where there is one.
        recall: Recall, where there is one.
        value: F1, or the only figure.
        interval: 95% interval of ``value``, low and high, where it was estimated.
        support: Number of gold spans or sentences.
    """

    name: str
    precision: float | None
    recall: float | None
    value: float
    interval: tuple[float, float] | None
    support: int


class GroupRow(NamedTuple):
    """The main scores of some documents.

    Attributes:
        name: What the documents have in common.
        sentences: Number of sentences.
        span_f1: F1 of the spans of each label; None for a label that the documents do not have.
        macro_f1: Mean F1 of the stances that the documents have.
        primary_accuracy: Share of sentences whose primary stance is right; None where stances were not scored.
    """

    name: str
    sentences: int
    span_f1: dict[str, float | None]
    macro_f1: float | None
    primary_accuracy: float | None


def score_rows(scores: dict[str, Any]) -> Iterator[ScoreRow]:
    """Yield the main scores: each span label, all spans, each stance, and the stances together.

    Of a kind of labels that was not scored there are no rows.

    Args:
        scores: What :func:`~escalation.report.full_report` or :func:`~escalation.metrics.score_documents` returned.
    """
    intervals = scores.get("intervals", {})
    scored = {
        kind: any(isinstance(value, dict) for name, value in scores[kind].items() if name != "micro") for kind in KINDS
    }
    for kind in KINDS:
        for name, value in scores[kind].items():
            if isinstance(value, dict) and scored[kind]:
                interval = intervals.get(kind, {}).get(name)
                yield _row("all spans" if name == "micro" else name, value, interval)
    for name, key in (
        ("stance macro-F1", "macro_f1"),
        ("primary stance accuracy", "primary_accuracy"),
        ("primary stance macro-F1", "primary_macro_f1"),
    ):
        if scored["stances"]:
            interval = intervals.get("stances", {}).get(key)
            yield ScoreRow(name, None, None, scores["stances"][key], _ends(interval), scores["sentences"])


def span_rows(report: dict[str, Any]) -> Iterator[ScoreRow]:
    """Yield the scores of spans where an overlap is enough, and those of seen and of new surface forms.

    Args:
        report: What :func:`~escalation.report.full_report` returned.
    """
    for label, value in report["overlap"].items():
        yield _row(f"{label}, overlapping", value)
        forms = report.get("forms", {}).get(label, {})
        yield from (_row(f"{label}, {name} in training", form) for name, form in forms.items())


def group_rows(report: dict[str, Any]) -> Iterator[GroupRow]:
    """Yield the main scores of each group of documents.

    Args:
        report: What :func:`~escalation.report.full_report` returned.
    """
    for name, scores in report["groups"].items():
        stances = [value for value in scores["stances"].values() if isinstance(value, dict)]
        supported = [value["f1"] for value in stances if value["support"]]
        yield GroupRow(
            name or "(none)",
            scores["sentences"],
            {
                label: value["f1"] if value["support"] else None
                for label, value in scores["spans"].items()
                if label != "micro"
            },
            sum(supported) / len(supported) if supported else None,
            scores["stances"]["primary_accuracy"] if stances else None,
        )


def _ends(interval: list[float] | None) -> tuple[float, float] | None:
    return (interval[0], interval[1]) if interval else None


def _row(name: str, value: dict[str, Any], interval: list[float] | None = None) -> ScoreRow:
    return ScoreRow(
        name,
        value["precision"],
        value["recall"],
        value["f1"],
        _ends(interval),
        value["support"],
    )
