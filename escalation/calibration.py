"""Calibration: from the scores of a model to probabilities that come true as often as they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from escalation.encoding import BoolArray, FloatArray

_LARGEST_LOGIT = 80.0
_CLOSEST_TO_CERTAIN = 1e-4
_PRIOR_PRECISION = 1.0
_LEAST_SLOPE = 0.05
_NEWTON_STEPS = 50
_BINS = 10


class Line(NamedTuple):
    """A straight line through logits: ``slope * logit + intercept`` is the logit of the calibrated probability."""

    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """How a model's scores become probabilities (Platt, 1999, "Probabilistic outputs for support vector machines").

    Attributes:
        stances: For each stance the line through its logits; a stance that is not named keeps them.
        spans: For each entity label the line through the logits of its spans' scores.
    """

    stances: Mapping[str, Line] = field(default_factory=dict)
    spans: Mapping[str, Line] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Calibration:
        """Read what :meth:`to_config` wrote; models without it keep their scores.

        Raises:
            ValueError: A line is not two numbers.
        """
        return cls(_lines(config.get("stance_calibration")), _lines(config.get("span_calibration")))

    def to_config(self) -> dict[str, dict[str, list[float]]]:
        """Return fields of a model's ``config.json``."""
        return {
            f"{kind}_calibration": {name: [round(value, 6) for value in line] for name, line in lines.items()}
            for kind, lines in (("stance", self.stances), ("span", self.spans))
        }


def lines_for(names: Sequence[str], lines: Mapping[str, Line]) -> tuple[FloatArray, FloatArray]:
    """Return the slopes and intercepts for some names in order, each of shape ``(names,)``."""
    chosen = np.array([lines.get(name, Line()) for name in names], dtype=np.float32).reshape(-1, 2)
    return chosen[:, 0], chosen[:, 1]


def logit(probabilities: npt.ArrayLike) -> FloatArray:
    """Return the logits of probabilities; those next to 0 and 1 are moved a little inwards."""
    values = np.clip(np.asarray(probabilities, dtype=np.float64), _CLOSEST_TO_CERTAIN, 1 - _CLOSEST_TO_CERTAIN)
    return np.asarray(np.log(values / (1.0 - values)), dtype=np.float32)


def sigmoid(logits: npt.ArrayLike) -> FloatArray:
    """Return the probabilities of logits."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT))), dtype=np.float32)


def fit_line(logits: FloatArray, correct: BoolArray) -> Line:
    """Fit a line through logits to outcomes: logistic regression, held to slope 1 and intercept 0 by a normal prior.

    The prior, of standard deviation 1, is what remains where outcomes are few.

    Args:
        logits: A logit for each case, shape ``(cases,)``.
        correct: Whether the case came true, shape ``(cases,)``.
    """
    inputs = np.stack([np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT), np.ones(len(logits))], axis=1)
    prior = np.array([1.0, 0.0])
    line = prior.copy()
    for _ in range(_NEWTON_STEPS):
        probabilities = sigmoid(inputs @ line).astype(np.float64)
        gradient = inputs.T @ (probabilities - correct) + _PRIOR_PRECISION * (line - prior)
        curvature = inputs.T @ (inputs * (probabilities * (1 - probabilities))[:, None])
        step = np.linalg.solve(curvature + _PRIOR_PRECISION * np.eye(2), gradient)
        line -= np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-6:
            break
    return Line(max(float(line[0]), _LEAST_SLOPE), float(line[1]))


def best_threshold(probabilities: FloatArray) -> float:
    """Return the threshold at which the expected F1 is highest, where the probabilities are calibrated.

    Going by the probabilities rather than by the outcomes of a few cases keeps chance out of it (Lipton et al., 2014,
    "Optimal thresholding of classifiers to maximize F1 measure"). It lies between 0 and 0.5.

    Args:
        probabilities: Calibrated probabilities of all cases, shape ``(cases,)``.
    """
    ordered = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
    if not len(ordered) or ordered.sum() == 0.0:
        return 0.5
    expected_f1 = 2 * np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + ordered.sum())
    return round(float(expected_f1.max()) / 2, 4)


class ReliabilityBin(NamedTuple):
    """Cases of like probability.

    Attributes:
        probability: Their mean probability.
        share: The share of them that came true.
        cases: How many they are.
    """

    probability: float
    share: float
    cases: int


def reliability_bins(probabilities: npt.ArrayLike, correct: npt.ArrayLike, bins: int = _BINS) -> list[ReliabilityBin]:
    """Group cases into bins of equal width by probability; empty bins are left out.

    Args:
        probabilities: Probabilities, shape ``(cases,)``.
        correct: Whether the case came true, shape ``(cases,)``.
        bins: Number of bins.
    """
    values, outcomes = np.asarray(probabilities, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    places = np.minimum((values * bins).astype(np.int64), bins - 1)
    return [
        ReliabilityBin(float(values[own].mean()), float(outcomes[own].mean()), int(own.sum()))
        for own in (places == place for place in range(bins))
        if own.any()
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error (Guo et al., 2017): how far probability and share lie apart on average."""
    total = sum(item.cases for item in bins)
    return sum(item.cases * abs(item.probability - item.share) for item in bins) / total if total else 0.0


def _lines(record: Any) -> dict[str, Line]:
    if not isinstance(record or {}, Mapping):
        raise ValueError(f"a calibration must be a mapping of names to [slope, intercept], not {record!r}")
    lines = {}
    for name, values in (record or {}).items():
        if not isinstance(values, list | tuple) or len(values) != 2:
            raise ValueError(f"the calibration of {name!r} must be [slope, intercept], not {values!r}")
        lines[name] = Line(float(values[0]), float(values[1]))
    return lines
