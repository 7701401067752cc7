"""Running a benchmark from its settings to its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from escalation import __version__
from escalation.benchmarking.ceiling import MatrixProduct, matrix_products
from escalation.benchmarking.children import measure_cold_start, measure_corpora, measure_peak_memory
from escalation.benchmarking.energy import energy_meter
from escalation.benchmarking.latency import measure_latency
from escalation.benchmarking.machine import describe_machine
from escalation.benchmarking.results import BenchmarkResult, Conditions, Skipped
from escalation.benchmarking.scaling import measure_lengths, measure_threads
from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Subject
from escalation.benchmarking.throughput import measure_throughput
from escalation.benchmarking.workload import Workload, read_texts


def run_benchmark(settings: Settings, say: Callable[[str], Any] = lambda what: None) -> BenchmarkResult:
    """Measure everything that the settings ask for.

    Args:
        settings: Models, texts and effort.
        say: Called with what comes next.

    Returns:
        The figures.

    Raises:
        ModelFolderError: There is no such model, or its folder is not whole.
        ImportError: Other tools are to be measured, and torch or transformers is not installed.
        ValueError: The texts cannot be read, or a model does not run on the device.
        OSError: A file cannot be read, or a process that is to be measured fails.
    """
    workload = Workload.of(read_texts(settings.data), settings.articles)
    say("loading models")
    subjects = [Subject.load(model, workload, settings) for model in settings.models]
    contenders = [subject.contender() for subject in subjects]
    skipped: list[Skipped] = []
    products = _products(settings, skipped)
    meter = energy_meter(settings.device)
    pipelines: dict[str, Any] = {}
    with TemporaryDirectory(prefix="escalation-benchmark-") as name:
        target = Path(name)
        if settings.peers:
            from escalation.benchmarking.peers import load_peers, make_folders

            say("loading other tools")
            pipelines = make_folders(subjects, target)
            peers, absent = load_peers(subjects, pipelines, settings)
            contenders += peers
            skipped += absent
        else:
            skipped.append(Skipped("other tools", "not asked for"))
        say("measuring throughput")
        throughput, ceilings = measure_throughput(contenders, subjects, workload, products, meter, settings)
        say("measuring latency")
        latency = measure_latency(contenders, workload, settings)
        contenders.clear()
        say("measuring cold start")
        cold_start = measure_cold_start(subjects, pipelines, workload, settings, target)
        say("measuring peak memory")
        peak_memory = measure_peak_memory(subjects, pipelines, workload, settings, target)
    result = BenchmarkResult(
        machine=describe_machine(settings.device),
        conditions=_conditions(settings, subjects, workload),
        ceilings=ceilings,
        throughput=throughput,
        latency=latency,
        cold_start=cold_start,
        peak_memory=peak_memory,
        disk=tuple(subject.disk_size(settings) for subject in subjects),
        energy_source=meter.source,
        skipped=tuple(skipped),
    )
    return _with_scaling(result, subjects, workload, settings, say)


def _with_scaling(
    result: BenchmarkResult,
    subjects: list[Subject],
    workload: Workload,
    settings: Settings,
    say: Callable[[str], Any],
) -> BenchmarkResult:
    """Add how speed and memory change with threads, the length of articles and the size of a corpus."""
    if settings.quick:
        left_out = Skipped("scaling with threads, length of articles and size of a corpus", "a quick run")
        return replace(result, skipped=(*result.skipped, left_out))
    if settings.on_cpu:
        say("measuring scaling with threads")
        result = replace(result, threads=measure_threads(subjects, workload, settings))
    say("measuring scaling with the length of an article")
    result = replace(result, lengths=measure_lengths(subjects, workload, settings))
    say("measuring scaling with the size of a corpus")
    return replace(result, corpora=measure_corpora(subjects, settings))


def _products(settings: Settings, skipped: list[Skipped]) -> list[MatrixProduct]:
    """Prepare the matrix products of the ceiling, and have torch use as many threads as all others."""
    try:
        import torch
    except ImportError:
        skipped.append(Skipped("ceiling of matrix products", "torch is not installed"))
        return []
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    return matrix_products(settings.device)


def _conditions(settings: Settings, subjects: list[Subject], workload: Workload) -> Conditions:
    everything = workload.spread(workload.count, 0)
    return Conditions(
        version=__version__,
        models=tuple(subject.name for subject in subjects),
        device=settings.device,
        runtime=settings.runtime,
        threads=settings.threads,
        rounds=settings.rounds,
        data=settings.data.name,
        articles=workload.count,
        unique_articles=len(workload.unique),
        sentences=int(workload.sentences[everything].sum()),
        round_seconds=settings.round_seconds,
        quick=settings.quick,
    )
