"""A benchmark as tables in the terminal, and as a folder with JSON, Markdown and plots."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from escalation.benchmarking.energy import NOT_READABLE
from escalation.benchmarking.plots import write_plots
from escalation.benchmarking.results import BenchmarkResult, write_result
from escalation.benchmarking.tables import Table, benchmark_tables
from escalation.corpus import replace_when_done

JSON_FILE = "benchmark.json"
MARKDOWN_FILE = "benchmark.md"
_COLUMNS = 120


def write_report(result: BenchmarkResult, folder: Path) -> list[Path]:
    """Write the figures as JSON, as a Markdown report and as plots.

    Args:
        result: The figures.
        folder: Folder to write into; it is made where it is missing.

    Returns:
        The files.

    Raises:
        OSError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots = write_plots(result, folder)
    write_result(result, folder / JSON_FILE)
    with replace_when_done(folder / MARKDOWN_FILE) as file:
        file.write(render_markdown(result, plots))
    return [folder / JSON_FILE, folder / MARKDOWN_FILE, *plots]


def render_tables(result: BenchmarkResult) -> RenderableType:
    """Return the figures as tables for a terminal."""
    return Group(*_rich_tables(result), Text("\n".join(machine_lines(result))))


def render_markdown(result: BenchmarkResult, plots: Sequence[Path] = ()) -> str:
    """Return the figures as a Markdown document.

    Args:
        result: The figures.
        plots: Plots beside the document, to be shown at its end.
    """
    parts = ["# Benchmark", *map(_wrapped, method_paragraphs(result))]
    parts.append("\n".join(f"- {line}" for line in machine_lines(result)))
    for table in benchmark_tables(result):
        parts += [f"## {table.title}", *([_wrapped(table.note)] if table.note else []), _markdown_table(table)]
    parts += [f"![{path.stem.replace('_', ' ')}]({path.name})" for path in plots]
    return "\n\n".join(parts) + "\n"


def method_paragraphs(result: BenchmarkResult) -> Iterator[str]:
    """Yield how the figures were measured."""
    run = result.conditions
    command = f"escalation benchmark{' --quick' if run.quick else ''} --device {run.device} --data {run.data}"
    command += "" if run.threads is None else f" --threads {run.threads}"
    yield (
        f"`{command}`, escalation {run.version}: medians of {run.rounds} rounds in which all take turns, so that a "
        "machine that is busy for a while slows all alike. All read raw text and give labels with character offsets."
    )
    repeated = (
        f"The workload has {run.articles:,} articles of {run.sentences:,} sentences together, from the "
        f"{run.unique_articles:,} texts of the file"
    )
    if run.articles > run.unique_articles:
        repeated += (
            ", which are repeated in turn. That would flatter what keeps its answers, so the speed at which our models "
            "read the texts for the first time is told, too"
        )
    bounded = f"as much of it as fits into about {run.round_seconds:g} s: texts spread over the file, others each round"
    if run.quick:
        yield f"{repeated}. Each round reads {bounded}."
    else:
        yield f"{repeated}. Our models read all of it in each round; tools that are too slow for that read {bounded}."
    if any(item.system.startswith("two pipelines") for item in result.throughput):
        yield (
            '*Two pipelines* are a token classifier (`aggregation_strategy="first"`) and a sequence classifier '
            "(`top_k=None`) of `transformers.pipeline`, in float32, which get sentences from our splitter: one at a "
            "time, as is their default, or 32 a batch. Both have the architecture, size and tokenizer of the model "
            "that they are compared with, and random weights, on which speed does not depend; the token classifier "
            "finds next to nothing, so that no time goes into putting random spans together. On ONNX Runtime the same "
            "pipelines run float32 graphs of the same two models."
        )


def machine_lines(result: BenchmarkResult) -> list[str]:
    """Return the machine, the versions and the conditions, a line each."""
    machine, run = result.machine, result.conditions
    threads = "each library's own choice" if run.threads is None else f"{run.threads}"
    return [
        f"CPU: {machine.cpu}, {machine.physical_cores} cores; usable hardware threads: {machine.usable_cores}",
        f"instruction sets: {', '.join(machine.instructions) or 'not readable'}",
        *([f"GPU: {machine.gpu}"] if machine.gpu else []),
        f"memory: {machine.memory_bytes / 2**30:.0f} GiB",
        f"system: {machine.system}, Python {machine.python}",
        f"versions: {', '.join(f'{name} {number}' for name, number in machine.libraries.items())}",
        f"device: {run.device}; runtime: {run.runtime}; threads: {threads}",
        f"energy: {result.energy_source or NOT_READABLE}",
    ]


def _rich_tables(result: BenchmarkResult) -> Iterator[RenderableType]:
    for table in benchmark_tables(result):
        shown = RichTable(title=table.title, title_justify="left")
        for place, name in enumerate(table.header):
            shown.add_column(name, justify="left" if place < table.names else "right")
        for row in table.rows:
            shown.add_row(*map(Text, row))
        yield shown


def _markdown_table(table: Table) -> str:
    rule = ["---" if place < table.names else "---:" for place in range(len(table.header))]
    rows = (table.header, rule, *table.rows)
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, _COLUMNS, break_long_words=False, break_on_hyphens=False)
