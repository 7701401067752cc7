import pytest

from escalation.benchmarking.timing import affordable, interleave, percentile, seconds


def test_all_take_turns_in_every_round() -> None:
    calls: list[tuple[str, int]] = []

    def note(name: str, turn: int) -> str:
        calls.append((name, turn))
        return f"{name}{turn}"

    measured = interleave({"a": lambda turn: note("a", turn), "b": lambda turn: note("b", turn)}, 3)
    assert calls == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert measured == {"a": ["a0", "a1", "a2"], "b": ["b0", "b1", "b2"]}


def test_percentiles_lie_between_the_nearest_values() -> None:
    values = [float(value) for value in range(101)]
    assert [percentile(values, percent) for percent in (50, 95, 99)] == [50.0, 95.0, 99.0]
    assert percentile([1.0, 2.0], 50) == 1.5


@pytest.mark.parametrize(
    ("speed", "least", "expected"), [(10.0, 1, 50), (0.1, 1, 1), (0.1, 8, 8), (1e6, 1, 200), (0.1, 1000, 200)]
)
def test_slow_systems_get_what_fits_into_the_time(speed: float, least: int, expected: int) -> None:
    assert affordable(lambda items: items / speed, 200, 5.0, least) == expected


def test_a_first_call_that_warms_up_does_not_count() -> None:
    calls: list[int] = []

    def trial(items: int) -> float:
        calls.append(items)
        return 100.0 if len(calls) == 1 else items / 10

    assert affordable(trial, 200, 5.0) == 50


def test_seconds_calls_once() -> None:
    calls: list[int] = []
    assert seconds(lambda: calls.append(1)) >= 0
    assert calls == [1]
