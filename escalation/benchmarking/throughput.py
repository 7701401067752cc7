"""Throughput from raw text to labels with offsets, beside the ceiling and the energy of the same round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from statistics import median

import numpy as np

from escalation.benchmarking.ceiling import MatrixProduct
from escalation.benchmarking.energy import EnergyMeter
from escalation.benchmarking.results import DEFAULT_PIPELINES, OURS, Ceiling, Throughput
from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Contender, Subject
from escalation.benchmarking.timing import affordable, interleave, seconds
from escalation.benchmarking.workload import Workload

_LEAST_SENTENCES = 64
"""What every system reads in a round at least, so that what works in batches can fill them."""

_Key = tuple[str, str]


@dataclass(frozen=True)
class Round:
    """What was read in a round, and what it took.

    Attributes:
        seconds: Time it took.
        articles: Articles read.
        sentences: Their sentences.
        tokens: Their tokens, without special tokens.
        flops: Operations that they need; None where they are not counted.
        joules: Energy it took; None where that cannot be read.
    """

    seconds: float
    articles: int
    sentences: int
    tokens: int
    flops: int | None = None
    joules: float | None = None

    @property
    def speed(self) -> float:
        """Sentences a second."""
        return self.sentences / self.seconds

    @property
    def flops_per_second(self) -> float:
        """Operations a second; 0 where they are not counted."""
        return (self.flops or 0) / self.seconds


def measure_throughput(
    contenders: Sequence[Contender],
    subjects: Sequence[Subject],
    workload: Workload,
    products: Sequence[MatrixProduct],
    meter: EnergyMeter,
    settings: Settings,
) -> tuple[tuple[Throughput, ...], tuple[Ceiling, ...]]:
    """Let all contenders read in turn, with the matrix products between them.

    Args:
        contenders: What reads. Our own models read the whole workload in each round, unless the run is quick; others
            read as much of it as fits into a few seconds.
        subjects: The models, for counting tokens and operations; those without a model are counted in the first's.
        workload: The articles.
        products: What gives the ceiling.
        meter: What counts energy.
        settings: Rounds and time to spend.

    Returns:
        Throughputs in the order of the contenders, and ceilings in the order of the products.
    """
    by_name = {subject.name: subject for subject in subjects}
    first = {subject.name: _first_reading(subject, workload, settings) for subject in subjects}
    readings: dict[_Key, Callable[[int], Round]] = {
        (item.system, item.model): _measurement(item, by_name.get(item.model, subjects[0]), workload, meter, settings)
        for item in contenders
    }
    products_by_key = {("matrix product", product.dtype): product for product in products}
    multiplications: dict[_Key, Callable[[int], Round]] = {
        key: partial(_multiply, product) for key, product in products_by_key.items()
    }
    rounds = interleave({**readings, **multiplications}, settings.rounds)
    speeds = {key: [item.flops_per_second for item in rounds[key]] for key in products_by_key}
    highest = [max(values) for values in zip(*speeds.values(), strict=True)]
    ceilings = (Ceiling(item.dtype, item.size, median(speeds[key])) for key, item in products_by_key.items())
    rows = (summarize(key, rounds, highest, by_name) for key in readings)
    throughput = (replace(row, first_reading=first[row.model]) if row.system == OURS else row for row in rows)
    return tuple(throughput), tuple(ceilings)


def summarize(
    key: _Key, rounds: Mapping[_Key, Sequence[Round]], ceilings: Sequence[float], subjects: Mapping[str, Subject]
) -> Throughput:
    """Take the medians of a contender's rounds.

    Args:
        key: System and model of the contender.
        rounds: The rounds of all contenders, by system and model.
        ceilings: The ceiling of each round, in operations a second; empty where none was measured.
        subjects: The models by name.
    """
    system, model = key
    own = rounds[key]
    speeds = [item.speed for item in own]
    default = rounds.get((DEFAULT_PIPELINES, model))
    ratios = [one.speed / other.speed for one, other in zip(own, default, strict=True)] if default else None
    joules = [1000 * item.joules / item.sentences for item in own if item.joules is not None]
    ours = subjects.get(model) if system == OURS else None
    flops_per_token = None
    if ours is not None and ours.flops is not None:
        flops_per_token = float(ours.flops.sum() / ours.tokens.sum())
    shares = [
        item.flops_per_second / ceiling
        for item, ceiling in zip(own, ceilings, strict=False)
        if flops_per_token is not None
    ]
    return Throughput(
        system=system,
        model=model,
        articles=own[0].articles,
        articles_per_second=median(item.articles / item.seconds for item in own),
        sentences_per_second=median(speeds),
        tokens_per_second=median(item.tokens / item.seconds for item in own),
        lowest=min(speeds),
        highest=max(speeds),
        times_default=median(ratios) if ratios else None,
        flops_per_token=flops_per_token,
        share_of_ceiling=median(shares) if shares else None,
        joules_per_1000_sentences=median(joules) if joules else None,
    )


def _first_reading(subject: Subject, workload: Workload, settings: Settings) -> float:
    """Return the sentences a second when every text is new, but for one that warms up."""
    places = range(min(len(workload.unique), settings.articles))
    subject.predictor.predict(workload.unique[-1])
    spent = seconds(partial(subject.predictor.predict, workload.texts(places)))
    return float(workload.sentences[: len(places)].sum()) / spent


def _multiply(product: MatrixProduct, turn: int) -> Round:
    return Round(product.seconds(), articles=0, sentences=0, tokens=0, flops=product.flops)


def _measurement(
    contender: Contender, subject: Subject, workload: Workload, meter: EnergyMeter, settings: Settings
) -> Callable[[int], Round]:
    def trial(size: int) -> float:
        texts = workload.texts(workload.spread(size, 0))
        return seconds(lambda: contender.read(texts))

    if contender.system == OURS and not settings.quick:
        size = workload.count
    else:
        least = ceil(_LEAST_SENTENCES / workload.sentences.mean())
        size = affordable(trial, workload.count, settings.round_seconds, least)

    def measure(turn: int) -> Round:
        places = np.array(workload.spread(size, turn))
        texts = workload.texts(places.tolist())
        meter.read()
        spent = seconds(lambda: contender.read(texts))
        joules = meter.read()
        return Round(
            spent,
            len(places),
            int(workload.sentences[places].sum()),
            int(subject.tokens[places].sum()),
            None if subject.flops is None else int(subject.flops[places].sum()),
            joules,
        )

    return measure
