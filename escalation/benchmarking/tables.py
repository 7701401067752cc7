"""The figures of a benchmark as tables, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from escalation.benchmarking.children import LONGEST_CORPUS
from escalation.benchmarking.results import OURS, BenchmarkResult, Throughput


@dataclass(frozen=True)
class Table:
    """Figures in rows.

    Attributes:
        title: What they are.
        header: Names of the columns.
        rows: The cells as text, the names of what was measured first.
        note: What to know about them.
        names: Number of columns that hold names rather than figures.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    names: int = 2


def benchmark_tables(result: BenchmarkResult) -> Iterator[Table]:
    """Yield the tables that have rows."""
    tables = (
        _throughput(result),
        _latency(result),
        _cold_start(result),
        _memory(result),
        _disk(result),
        _ceiling(result),
        _energy(result),
        _threads(result),
        _lengths(result),
        _corpora(result),
        _skipped(result),
    )
    return (table for table in tables if table.rows)


def _throughput(result: BenchmarkResult) -> Table:
    def row(item: Throughput) -> tuple[str, ...]:
        return (
            item.model,
            item.system,
            _rounded(item.articles_per_second),
            _rounded(item.sentences_per_second),
            f"{_rounded(item.lowest)} to {_rounded(item.highest)}",
            _rounded(item.tokens_per_second),
            "" if item.times_default is None else f"{item.times_default:.1f}",
            f"{item.articles:,}",
        )

    first = ", ".join(
        f"{item.model} {_rounded(item.first_reading)}" for item in result.throughput if item.first_reading is not None
    )
    header = ("model", "system", "articles/s", "sentences/s", "slowest to fastest round", "tokens/s")
    return Table(
        "Throughput",
        (*header, "times as fast as two pipelines", "articles a round"),
        tuple(map(row, result.throughput)),
        "From raw text to labels with offsets. Tokens are those of the text, without special tokens and padding; "
        "where a system has no model, they are counted with the first model's tokenizer. Sentences a second on first "
        f"reading, before the rounds: {first or 'not measured'}.",
    )


def _latency(result: BenchmarkResult) -> Table:
    rows = (
        (item.model, item.system, *(f"{1000 * time:.1f}" for time in (item.p50, item.p95, item.p99)), f"{item.samples}")
        for item in result.latency
    )
    sentences = result.latency[0].sentences if result.latency else 0
    return Table(
        "Latency",
        ("model", "system", "p50, ms", "p95, ms", "p99, ms", "samples"),
        tuple(rows),
        f"One article of {sentences} sentences at a time.",
    )


def _cold_start(result: BenchmarkResult) -> Table:
    rows = (
        (item.model, item.system, f"{item.seconds:.2f}", f"{item.lowest:.2f} to {item.highest:.2f}")
        for item in result.cold_start
    )
    return Table(
        "Cold start",
        ("model", "system", "seconds", "fastest to slowest round"),
        tuple(rows),
        "From starting a process to its answer for one article of 20 sentences, with all files in the system's cache: "
        "`escalation predict FILE`, beside a script that builds both pipelines from local folders.",
    )


def _memory(result: BenchmarkResult) -> Table:
    rows = ((item.model, item.system, _megabytes(item.bytes), f"{item.articles:,}") for item in result.peak_memory)
    return Table(
        "Peak memory",
        ("model", "system", "MB", "articles"),
        tuple(rows),
        "Most main memory that a fresh process held, libraries included.",
    )


def _disk(result: BenchmarkResult) -> Table:
    rows = (
        (item.model, item.weights_file, _megabytes(item.weights_bytes), _megabytes(item.total_bytes))
        for item in result.disk
    )
    return Table("Size on disk", ("model", "weights", "weights, MB", "with tokenizer and settings, MB"), tuple(rows))


def _ceiling(result: BenchmarkResult) -> Table:
    rows = tuple(
        (
            item.model,
            f"{item.flops_per_token / 1e6:.2f}",
            f"{item.flops_per_token * item.tokens_per_second / 1e9:.0f}",
            "" if item.share_of_ceiling is None else f"{100 * item.share_of_ceiling:.0f}%",
        )
        for item in result.throughput
        if item.system == OURS and item.flops_per_token is not None
    )
    speeds = ", ".join(f"{item.flops_per_second / 1e9:,.0f} GFLOP/s in {item.dtype}" for item in result.ceilings)
    size = result.ceilings[0].size if result.ceilings else 0
    measured = f"Ceiling: one product of two {size:,} x {size:,} matrices in torch, {speeds}; the higher one of each "
    return Table(
        "Share of the matrix-product ceiling",
        ("model", "MFLOP a token", "GFLOP/s", "share of the ceiling"),
        rows,
        "Operations of the encoder's and the heads' matrix products and of attention, for tokens of the text alone, "
        "from raw text to documents. "
        + (f"{measured}round counts." if result.ceilings else "No ceiling was measured."),
        names=1,
    )


def _energy(result: BenchmarkResult) -> Table:
    rows = (
        (item.model, item.system, f"{item.joules_per_1000_sentences:.1f}")
        for item in result.throughput
        if item.joules_per_1000_sentences is not None
    )
    return Table("Energy", ("model", "system", "joules for 1,000 sentences"), tuple(rows), f"{result.energy_source}.")


def _threads(result: BenchmarkResult) -> Table:
    rows = ((item.model, f"{item.threads}", _rounded(item.sentences_per_second)) for item in result.threads)
    return Table("Threads", ("model", "threads", "sentences/s"), tuple(rows), names=1)


def _lengths(result: BenchmarkResult) -> Table:
    rows = (
        (
            item.model,
            f"{item.sentences:,}",
            f"{item.alone:.2f}",
            "" if item.together is None else f"{item.together:.2f}",
        )
        for item in result.lengths
    )
    return Table(
        "Length of an article",
        ("model", "sentences", "ms a sentence, one article at a time", "ms a sentence, many articles in one call"),
        tuple(rows),
        names=1,
    )


def _corpora(result: BenchmarkResult) -> Table:
    least = {item.model: item.peak_bytes for item in reversed(result.corpora)}
    rows = (
        (
            item.model,
            f"{item.articles:,}",
            _megabytes(item.peak_bytes),
            _megabytes(item.peak_bytes - least[item.model]),
            _rounded(item.sentences_per_second),
        )
        for item in result.corpora
    )
    return Table(
        "Size of a corpus",
        ("model", "articles", "peak memory, MB", "more than the smallest, MB", "sentences/s"),
        tuple(rows),
        f"A fresh process streams the corpus once and keeps no document. Corpora that would take more than "
        f"{LONGEST_CORPUS // 60} minutes are left out.",
        names=1,
    )


def _skipped(result: BenchmarkResult) -> Table:
    rows = tuple((item.name, item.reason) for item in result.skipped)
    return Table("Not measured", ("what", "why"), rows)


def _rounded(value: float) -> str:
    """Write a figure with three digits at least."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _megabytes(value: int) -> str:
    return f"{value / 1e6:,.1f}"
