"""Every sequence is in exactly one batch, batches keep to their budget, and padding is worth what it saves."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from escalation.batching import Batch, plan_batches

LENGTHS = st.lists(st.integers(1, 300), max_size=60)
MULTIPLES = st.sampled_from([1, 8, 64])


def cost(batches: list[Batch], overhead: int) -> int:
    return sum(len(batch.indices) * batch.length + overhead for batch in batches)


@given(LENGTHS, st.integers(1, 2000), st.integers(0, 3000), MULTIPLES, st.none() | st.integers(1, 300))
def test_batches_hold_each_sequence_once_within_the_budget(
    lengths: list[int], budget: int, overhead: int, multiple: int, longest: int | None
) -> None:
    batches = plan_batches(lengths, budget, overhead=overhead, multiple=multiple, longest=longest)
    assert sorted(index for batch in batches for index in batch.indices) == list(range(len(lengths)))
    for indices, length in batches:
        assert len(indices) == 1 or len(indices) * length <= budget
        highest = max(lengths[index] for index in indices)
        assert highest <= length < highest + multiple
        assert length % multiple == 0 or length in {longest, highest}
        assert longest is None or length <= max(longest, highest)


@given(LENGTHS, st.integers(1, 2000), st.integers(0, 3000), MULTIPLES)
def test_batches_follow_the_order_of_lengths(lengths: list[int], budget: int, overhead: int, multiple: int) -> None:
    batches = plan_batches(lengths, budget, overhead=overhead, multiple=multiple)
    in_order = [lengths[index] for batch in batches for index in batch.indices]
    assert in_order == sorted(lengths, reverse=True)


@given(LENGTHS, st.integers(0, 3000), MULTIPLES, st.lists(st.integers(1, 60), max_size=5))
def test_no_other_cut_costs_less(lengths: list[int], overhead: int, multiple: int, cuts: list[int]) -> None:
    """Any way to cut the sequences in order of length costs as much or more, where the budget binds neither."""
    padded = sorted(-(-length // multiple) * multiple for length in lengths)
    borders = sorted({0, len(padded), *(min(cut, len(padded)) for cut in cuts)})
    others = [Batch(list(range(start, stop)), padded[stop - 1]) for start, stop in pairwise(borders)]
    batches = plan_batches(lengths, 1_000_000, overhead=overhead, multiple=multiple)
    assert cost(batches, overhead) <= cost(others, overhead)


def test_without_overhead_nothing_is_padded() -> None:
    assert [batch.length for batch in plan_batches([5, 9, 5, 7], 1000)] == [9, 7, 5]


def test_an_overhead_joins_what_is_alike() -> None:
    batches = plan_batches([5, 200, 7, 199, 6], 1000, overhead=50)
    assert [sorted(batch.indices) for batch in batches] == [[1, 3], [0, 2, 4]]


def test_lengths_are_rounded_up_no_further_than_the_model_reads() -> None:
    assert [batch.length for batch in plan_batches([45], 1000, multiple=8, longest=50)] == [48]
    assert [batch.length for batch in plan_batches([49], 1000, multiple=8, longest=50)] == [50]


def test_no_sequences_give_no_batches() -> None:
    assert plan_batches([], 1000) == []
