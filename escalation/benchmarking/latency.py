"""Latency of one article."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

from escalation.benchmarking.results import OURS, Latency
from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Contender
from escalation.benchmarking.timing import affordable, interleave, percentile, seconds
from escalation.benchmarking.workload import Workload

SENTENCES = 20
"""Sentences of the article."""


def measure_latency(contenders: Sequence[Contender], workload: Workload, settings: Settings) -> tuple[Latency, ...]:
    """Let all contenders read articles of 20 sentences in turn, one at a time.

    Args:
        contenders: What reads; slow ones read fewer articles.
        workload: The articles that sentences are taken from.
        settings: Rounds and time to spend.
    """
    articles = workload.articles(SENTENCES, settings.latency_articles)
    measured = interleave(
        {(item.system, item.model): _measurement(item, articles, settings.round_seconds) for item in contenders},
        settings.rounds,
    )
    return tuple(_summary(*key, list(chain(*rounds))) for key, rounds in measured.items())


def _measurement(contender: Contender, articles: Sequence[str], budget: float) -> Callable[[int], list[float]]:
    def times(count: int, first: int) -> list[float]:
        chosen = [articles[(first + place) % len(articles)] for place in range(count)]
        return [seconds(partial(contender.read, [article])) for article in chosen]

    most = len(articles)
    count = most if contender.system == OURS else affordable(lambda items: sum(times(items, 0)), most, budget)
    return lambda turn: times(count, turn * count)


def _summary(system: str, model: str, times: Sequence[float]) -> Latency:
    p50, p95, p99 = (percentile(times, percent) for percent in (50, 95, 99))
    return Latency(system, model, SENTENCES, len(times), p50, p95, p99)
