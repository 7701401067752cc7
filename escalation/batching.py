"""Which sequences to compute together: batches of similar length, weighed against the price of another batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Batch(NamedTuple):
    """Sequences that are padded to one length.

    Attributes:
        indices: Which sequences, longest first.
        length: Tokens of each row, padding included.
    """

    indices: list[int]
    length: int


def plan_batches(
    lengths: Sequence[int], budget: int, *, overhead: int = 0, multiple: int = 1, longest: int | None = None
) -> list[Batch]:
    """Group sequences of similar length so that padding and the number of batches together cost least.

    The cost of a batch is its tokens, padding included, plus a fixed overhead. What costs least is found over the
    distinct padded lengths, so that the work grows with their number, not with that of the sequences.

    Args:
        lengths: Tokens of each sequence, at least 1.
        budget: Most tokens in a batch, padding included; a single sequence may be longer.
        overhead: What a batch costs besides its tokens, in tokens.
        multiple: Lengths of batches are rounded up to multiples of this, at least 1.
        longest: Rounding goes no further than this many tokens: the most that the model reads.

    Returns:
        Batches that hold every sequence exactly once, longest first. No sequence is longer than one of a batch before.
    """
    if not lengths:
        return []
    exact = np.asarray(lengths, dtype=np.int64)
    padded = -(-exact // multiple) * multiple
    if longest is not None:
        padded = np.maximum(exact, np.minimum(padded, longest))
    order = np.argsort(exact, kind="stable")
    steps, counts = np.unique(padded, return_counts=True)
    stops = np.concatenate([[0], np.cumsum(counts)])
    most_rows = np.maximum(budget // steps, 1)

    least_costs = np.zeros(len(steps) + 1, dtype=np.int64)
    best_starts = np.zeros(len(steps) + 1, dtype=np.int64)
    for stop in range(1, len(steps) + 1):
        rows = stops[stop] - stops[:stop]
        batch_counts = -(-rows // most_rows[stop - 1])
        costs = least_costs[:stop] + rows * steps[stop - 1] + batch_counts * overhead
        best_starts[stop] = costs.argmin()
        least_costs[stop] = costs.min()

    batches: list[Batch] = []
    stop = len(steps)
    while stop:
        start = int(best_starts[stop])
        rows = order[stops[start] : stops[stop]][::-1]
        pieces = -(-len(rows) // int(most_rows[stop - 1]))
        batches += [Batch(piece.tolist(), int(padded[piece[0]])) for piece in np.array_split(rows, pieces)]
        stop = start
    return batches
