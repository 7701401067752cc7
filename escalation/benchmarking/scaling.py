"""How speed changes with threads and with the length of articles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeAlias

from escalation.benchmarking.machine import usable_cores
from escalation.benchmarking.results import LengthScaling, ThreadScaling
from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Subject
from escalation.benchmarking.timing import affordable, interleave, seconds
from escalation.benchmarking.workload import Workload
from escalation.predictor import Predictor, load

_SENTENCES_TIMED = 500

Trial: TypeAlias = Callable[[int], float]
"""Measures once; the argument is the number of the round."""


def thread_counts(cores: int) -> list[int]:
    """Return the powers of two up to a number of cores, and that number."""
    return sorted({cores, *(1 << power for power in range(cores.bit_length()) if 1 << power <= cores)})


def measure_threads(subjects: Sequence[Subject], workload: Workload, settings: Settings) -> tuple[ThreadScaling, ...]:
    """Read the same articles with different numbers of threads, in turn.

    Args:
        subjects: The models.
        workload: The articles.
        settings: Rounds, runtime and time to spend.
    """

    def measurement(predictor: Predictor) -> Trial:
        def trial(size: int) -> float:
            texts = workload.texts(workload.spread(size, 0))
            return seconds(lambda: predictor.predict(texts))

        size = affordable(trial, workload.count, settings.round_seconds)

        def measure(turn: int) -> float:
            places = workload.spread(size, turn)
            texts = workload.texts(places)
            return float(workload.sentences[places].sum()) / seconds(lambda: predictor.predict(texts))

        return measure

    measured = interleave(
        {
            (subject.name, threads): measurement(
                load(subject.source, settings.device, settings.runtime, threads=threads)
            )
            for subject in subjects
            for threads in thread_counts(usable_cores())
        },
        settings.rounds,
    )
    return tuple(ThreadScaling(*key, median(speeds)) for key, speeds in measured.items())


def measure_lengths(subjects: Sequence[Subject], workload: Workload, settings: Settings) -> tuple[LengthScaling, ...]:
    """Read articles of different lengths, one at a time and all in one call.

    Args:
        subjects: The models.
        workload: The articles that sentences are taken from.
        settings: Rounds and lengths.
    """

    def measurement(subject: Subject, length: int, read: Callable[[Predictor, list[str]], object]) -> Trial:
        articles = workload.articles(length, max(_SENTENCES_TIMED // length, 1))

        def measure(turn: int) -> float:
            spent = seconds(lambda: read(subject.predictor, articles))
            return 1000 * spent / (length * len(articles))

        return measure

    measured = interleave(
        {
            (subject.name, length, read): measurement(subject, length, read)
            for length in settings.lengths
            for subject in subjects
            for read in ((_alone, _together) if length < _SENTENCES_TIMED else (_alone,))
        },
        settings.rounds,
    )
    milliseconds = {key: median(times) for key, times in measured.items()}
    return tuple(
        LengthScaling(
            subject.name,
            length,
            milliseconds[subject.name, length, _alone],
            milliseconds.get((subject.name, length, _together)),
        )
        for length in settings.lengths
        for subject in subjects
    )


def _alone(predictor: Predictor, articles: list[str]) -> object:
    return [predictor.predict(article) for article in articles]


def _together(predictor: Predictor, articles: list[str]) -> object:
    return predictor.predict(articles)
