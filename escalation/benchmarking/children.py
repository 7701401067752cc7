"""Cold start and peak memory, each in a process of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import escalation.benchmarking as package
from escalation.benchmarking.processes import ProcessRun, run_python
from escalation.benchmarking.results import DEFAULT_PIPELINES, OURS, ColdStart, CorpusScaling, PeakMemory
from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Subject
from escalation.benchmarking.timing import interleave
from escalation.benchmarking.workload import Workload
from escalation.segmentation import split_sentences

_PIPELINES_SCRIPT = Path(package.__file__).parent / "pipelines_process.py"
_COLD_SENTENCES = 20
LONGEST_CORPUS = 300
"""Seconds that streaming a corpus may take by the speed of the one before; larger ones are left out."""


def measure_cold_start(
    subjects: Sequence[Subject], pipelines: Mapping[str, Any], workload: Workload, settings: Settings, target: Path
) -> tuple[ColdStart, ...]:
    """Start a fresh process again and again, which reads one article of 20 sentences.

    Args:
        subjects: The models, which ``escalation predict`` runs.
        pipelines: The :class:`~escalation.benchmarking.pipelines.PipelineFolders` of models, by name; none will do.
        workload: The articles that sentences are taken from.
        settings: Rounds, device and threads.
        target: Folder for the article.

    Raises:
        ProcessError: A process failed.
    """
    [article] = workload.articles(_COLD_SENTENCES, 1)
    file = target / "article.txt"
    file.write_text(article, encoding="utf-8")
    measurements: dict[tuple[str, str], Callable[[int], float]] = {}
    for subject in subjects:
        measurements[OURS, subject.name] = partial(_start, _predict_command(subject, file, settings))
        if subject.name in pipelines:
            command = _pipelines_command(pipelines[subject.name], file, settings, target)
            measurements[DEFAULT_PIPELINES, subject.name] = partial(_start, command)
    return tuple(
        ColdStart(*key, median(times), min(times), max(times))
        for key, times in interleave(measurements, settings.rounds).items()
    )


def measure_peak_memory(
    subjects: Sequence[Subject], pipelines: Mapping[str, Any], workload: Workload, settings: Settings, target: Path
) -> tuple[PeakMemory, ...]:
    """Have fresh processes read some articles, and look at the most memory they held.

    Args:
        subjects: The models.
        pipelines: The :class:`~escalation.benchmarking.pipelines.PipelineFolders` of models, by name; none will do.
        workload: The articles.
        settings: Number of articles, device and threads.
        target: Folder for the articles.

    Raises:
        ProcessError: A process failed.
    """
    count = settings.memory_articles
    texts = workload.texts([place % len(workload.unique) for place in range(count)])
    file = target / "sentences.txt"
    sentences = [" ".join(text[start:end].split()) for text in texts for start, end in split_sentences(text)]
    file.write_text("\n".join(sentences), encoding="utf-8")
    rows = []
    for subject in subjects:
        rows.append(PeakMemory(OURS, subject.name, count, stream_in_process(subject, count, settings).peak_bytes))
        if subject.name in pipelines:
            run = run_python(_pipelines_command(pipelines[subject.name], file, settings, target), memory=True)
            rows.append(PeakMemory(DEFAULT_PIPELINES, subject.name, count, run.peak_bytes))
    return tuple(rows)


def measure_corpora(subjects: Sequence[Subject], settings: Settings) -> tuple[CorpusScaling, ...]:
    """Have a fresh process stream a corpus of each size, up to those that would take too long.

    Raises:
        ProcessError: A process failed.
    """
    rows = []
    for subject in subjects:
        seconds_per_article = 0.0
        for articles in settings.corpora:
            if articles * seconds_per_article > LONGEST_CORPUS:
                break
            run = stream_in_process(subject, articles, settings)
            told = json.loads(run.answer)
            seconds_per_article = told["seconds"] / articles
            rows.append(CorpusScaling(subject.name, articles, run.peak_bytes, told["sentences"] / told["seconds"]))
    return tuple(rows)


def stream_in_process(subject: Subject, articles: int, settings: Settings) -> ProcessRun:
    """Stream articles in a fresh process (see :func:`~escalation.benchmarking.worker.stream_articles`).

    Raises:
        ProcessError: The process failed.
    """
    arguments = {
        "model": subject.source,
        "data": str(settings.data),
        "articles": articles,
        "device": settings.device,
        "runtime": settings.runtime,
        "threads": settings.threads,
    }
    return run_python(["-m", "escalation.benchmarking.worker", json.dumps(arguments)], memory=True)


def _start(command: Sequence[str], turn: int) -> float:
    return run_python(command).seconds


def _predict_command(subject: Subject, file: Path, settings: Settings) -> list[str]:
    command = ["-m", "escalation", "predict", str(file), "--format", "jsonl", "--model", subject.source]
    command += ["--device", settings.device, "--runtime", settings.runtime]
    return command if settings.threads is None else [*command, "--threads", str(settings.threads)]


def _pipelines_command(folders: Any, file: Path, settings: Settings, target: Path) -> list[str]:
    arguments = {
        "tagger": str(folders.tagger),
        "classifier": str(folders.classifier),
        "file": str(file),
        "device": "cpu" if settings.device == "auto" else settings.device,
        "threads": settings.threads,
    }
    script = shutil.copy(_PIPELINES_SCRIPT, target)
    return [str(script), json.dumps(arguments)]
