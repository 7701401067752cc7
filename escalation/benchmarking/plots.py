"""Plots of a benchmark as PNG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from escalation.benchmarking.results import OURS, BenchmarkResult

THROUGHPUT_FILE = "throughput.png"
LENGTHS_FILE = "time_per_sentence.png"
CORPORA_FILE = "memory.png"
THREADS_FILE = "threads.png"


def write_plots(result: BenchmarkResult, folder: Path) -> list[Path]:
    """Write plots of what was measured.

    Args:
        result: The figures.
        folder: Folder to write into, which is there.

    Returns:
        The files: throughput relative to two pipelines at their defaults, time per sentence over the length of
        articles, peak memory over the size of the corpus, and throughput over threads, as far as they were measured.

    Raises:
        OSError: The folder cannot be written to.
    """
    files = [
        (THROUGHPUT_FILE, any(item.times_default for item in result.throughput), _plot_throughput),
        (LENGTHS_FILE, bool(result.lengths), _plot_lengths),
        (CORPORA_FILE, bool(result.corpora), _plot_corpora),
        (THREADS_FILE, bool(result.threads), _plot_threads),
    ]
    return [_save(plot, result, folder / name) for name, measured, plot in files if measured]


def _save(plot: Callable[[BenchmarkResult], Any], result: BenchmarkResult, path: Path) -> Path:
    figure = plot(result)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return path


def _plot_throughput(result: BenchmarkResult) -> Any:
    models = [name for name in result.conditions.models if _relative(result, name)]
    figure, panels = pyplot.subplots(
        len(models), 1, figsize=(8, 0.6 + 2.2 * len(models)), sharex=True, squeeze=False, layout="constrained"
    )
    for axes, model in zip(panels[:, 0], models, strict=True):
        rows = _relative(result, model)
        colors = ["tab:red" if system == OURS else "tab:grey" for system, _ in rows]
        bars = axes.barh([system for system, _ in rows], [times for _, times in rows], color=colors)
        axes.bar_label(bars, fmt="%.1f", padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set_title(model, loc="left")
    panels[-1, 0].set_xlabel("sentences a second, two pipelines at their defaults = 1")
    return figure


def _relative(result: BenchmarkResult, model: str) -> list[tuple[str, float]]:
    rows = (item for item in result.throughput if item.model == model)
    return [(item.system, item.times_default) for item in rows if item.times_default is not None]


def _plot_lengths(result: BenchmarkResult) -> Any:
    figure, axes = _axes("sentences of the article", "milliseconds a sentence")
    points = [(item.model, item.sentences, item.alone) for item in result.lengths]
    _plot_lines(axes, result.conditions.models, points)
    axes.set_xscale("log")
    return figure


def _plot_corpora(result: BenchmarkResult) -> Any:
    figure, axes = _axes("articles of the corpus", "peak memory, MB")
    points = [(item.model, item.articles, item.peak_bytes / 1e6) for item in result.corpora]
    _plot_lines(axes, result.conditions.models, points)
    axes.set_xscale("log")
    return figure


def _plot_threads(result: BenchmarkResult) -> Any:
    figure, axes = _axes("threads", "sentences a second")
    points = [(item.model, item.threads, item.sentences_per_second) for item in result.threads]
    _plot_lines(axes, result.conditions.models, points)
    axes.set_xticks(sorted({threads for _, threads, _ in points}))
    return figure


def _axes(across: str, up: str) -> tuple[Any, Axes]:
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    axes.set(xlabel=across, ylabel=up)
    return figure, axes


def _plot_lines(axes: Axes, models: Sequence[str], points: Sequence[tuple[str, int, float]]) -> None:
    for model in models:
        own = [(across, up) for name, across, up in points if name == model]
        axes.plot([across for across, _ in own], [up for _, up in own], marker="o", label=model)
    axes.set_ylim(0, 1.1 * max(up for _, _, up in points))
    axes.legend()
