"""Timing: rounds in which all take turns, medians, percentiles."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

Key = TypeVar("Key")
Measured = TypeVar("Measured")


def interleave(measurements: Mapping[Key, Callable[[int], Measured]], rounds: int) -> dict[Key, list[Measured]]:
    """Measure all in turn, round after round, so that a machine that is busy for a while slows all of them alike.

    Garbage is collected between the rounds.

    Args:
        measurements: What to call; each gets the number of the round, from 0.
        rounds: Number of rounds.

    Returns:
        For each key what was measured, by round.
    """
    measured: dict[Key, list[Measured]] = {key: [] for key in measurements}
    for turn in range(rounds):
        gc.collect()
        for key, measure in measurements.items():
            measured[key].append(measure(turn))
    return measured


def seconds(action: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def affordable(trial: Callable[[int], float], most: int, budget: float, least: int = 1) -> int:
    """Find how many items can be worked through in a given time.

    Args:
        trial: Returns the seconds that a number of items take; the first call warms up and is not counted.
        most: Most items there are.
        budget: Seconds to spend.
        least: Least items to work through, whatever they take.

    Returns:
        At least ``least`` and at most ``most``.
    """
    least = min(least, most)
    trial(1)
    items = 1
    while True:
        spent = max(trial(items), 1e-9)
        fitting = int(items * budget / spent)
        if spent >= budget / 10 or items == most:
            return max(least, min(most, fitting))
        items = min(most, max(2 * items, fitting // 4))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the percentile of some values, interpolated between the two nearest."""
    return float(np.percentile(values, percent))
