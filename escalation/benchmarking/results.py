"""What a benchmark measures, as plain values that go to JSON and back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from escalation.corpus import replace_when_done

OURS = "escalation"
DEFAULT_PIPELINES = "two pipelines"


@dataclass(frozen=True)
class Machine:
    """Where the figures come from.

    Attributes:
        cpu: Model of the processor.
        physical_cores: Cores of the machine.
        usable_cores: Logical cores that this process may run on.
        instructions: Instruction sets that matter to matrix products, such as ``avx512_vnni``.
        memory_bytes: Main memory.
        system: Operating system.
        python: Version of Python.
        libraries: Versions of the libraries that took part.
        gpu: Name of the GPU; None where the run used none.
    """

    cpu: str
    physical_cores: int
    usable_cores: int
    instructions: tuple[str, ...]
    memory_bytes: int
    system: str
    python: str
    libraries: Mapping[str, str]
    gpu: str | None = None


@dataclass(frozen=True)
class Conditions:
    """How a benchmark was run.

    Attributes:
        version: Version of this library.
        models: The models under test.
        device: Device of all that can use one.
        runtime: The runtime asked for.
        threads: CPU threads; None for each library's own choice.
        rounds: Rounds of each measurement.
        data: Name of the file of texts.
        articles: Articles in the workload.
        unique_articles: Articles in the file; they are repeated up to ``articles``.
        sentences: Sentences in the workload.
        round_seconds: About what a system that is too slow for the whole workload reads in a round.
        quick: Whether the long measurements were left out.
    """

    version: str
    models: tuple[str, ...]
    device: str
    runtime: str
    threads: int | None
    rounds: int
    data: str
    articles: int
    unique_articles: int
    sentences: int
    round_seconds: float
    quick: bool


@dataclass(frozen=True)
class Ceiling:
    """Speed of one large matrix product, the median over the rounds.

    Attributes:
        dtype: Number format of the factors.
        size: Rows and columns of the factors.
        flops_per_second: Floating-point operations a second.
    """

    dtype: str
    size: int
    flops_per_second: float


@dataclass(frozen=True)
class Throughput:
    """Raw text in, labels with offsets out: medians over the rounds.

    Attributes:
        system: What read the articles.
        model: The model whose encoder it runs; empty where it runs none.
        articles: Articles read in a round.
        articles_per_second: Articles a second.
        sentences_per_second: Sentences a second.
        tokens_per_second: Tokens of the model's own tokenizer a second, without special tokens and padding.
        lowest: Sentences a second in the slowest round.
        highest: Sentences a second in the fastest round.
        first_reading: Sentences a second of our own models when they read every text for the first time, before the
            rounds; None for others.
        times_default: How many times as fast as two pipelines at their defaults, sentences a second.
        flops_per_token: Floating-point operations of the matrix products that a token needs.
        share_of_ceiling: Those operations a second, as a share of the ceiling of the same round.
        joules_per_1000_sentences: Energy of the CPU package or the GPU; None where it cannot be read.
    """

    system: str
    model: str
    articles: int
    articles_per_second: float
    sentences_per_second: float
    tokens_per_second: float
    lowest: float
    highest: float
    first_reading: float | None = None
    times_default: float | None = None
    flops_per_token: float | None = None
    share_of_ceiling: float | None = None
    joules_per_1000_sentences: float | None = None


@dataclass(frozen=True)
class Latency:
    """Time from one article to its labels, in seconds.

    Attributes:
        system: What read the article.
        model: The model whose encoder it runs; empty where it runs none.
        sentences: Sentences of the article.
        samples: Articles timed, over all rounds.
        p50: Median.
        p95: 95th percentile.
        p99: 99th percentile.
    """

    system: str
    model: str
    sentences: int
    samples: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class ColdStart:
    """Seconds from starting a process to its first answer, the median over the rounds."""

    system: str
    model: str
    seconds: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class PeakMemory:
    """Most memory that a fresh process held while it read articles, in bytes."""

    system: str
    model: str
    articles: int
    bytes: int


@dataclass(frozen=True)
class DiskSize:
    """Bytes of a model's weights and of all files that predicting needs."""

    model: str
    weights_file: str
    weights_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class ThreadScaling:
    """Sentences a second with a number of threads, the median over the rounds."""

    model: str
    threads: int
    sentences_per_second: float


@dataclass(frozen=True)
class LengthScaling:
    """Milliseconds that a sentence takes, the median over the rounds, by the sentences of its article.

    Attributes:
        model: Name of the model.
        sentences: Sentences of each article.
        alone: Milliseconds a sentence where articles are read one at a time.
        together: Milliseconds a sentence where several articles of that length are read in one call; None for lengths
            of which one article is enough to time.
    """

    model: str
    sentences: int
    alone: float
    together: float | None


@dataclass(frozen=True)
class CorpusScaling:
    """Peak memory in bytes and sentences a second of a fresh process that streams a corpus once."""

    model: str
    articles: int
    peak_bytes: int
    sentences_per_second: float


@dataclass(frozen=True)
class Skipped:
    """What was not measured, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class BenchmarkResult:
    """All figures of a run."""

    machine: Machine
    conditions: Conditions
    ceilings: tuple[Ceiling, ...] = ()
    throughput: tuple[Throughput, ...] = ()
    latency: tuple[Latency, ...] = ()
    cold_start: tuple[ColdStart, ...] = ()
    peak_memory: tuple[PeakMemory, ...] = ()
    disk: tuple[DiskSize, ...] = ()
    threads: tuple[ThreadScaling, ...] = ()
    lengths: tuple[LengthScaling, ...] = ()
    corpora: tuple[CorpusScaling, ...] = ()
    energy_source: str = ""
    skipped: tuple[Skipped, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as values that ``json`` writes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BenchmarkResult:
        """Return the figures that :meth:`to_dict` gave.

        Raises:
            ValueError: The values are not those of a benchmark.
        """
        try:
            rows = {name: tuple(row(**item) for item in values[name]) for name, row in _ROWS.items()}
            machine = values["machine"] | {"instructions": tuple(values["machine"]["instructions"])}
            conditions = values["conditions"] | {"models": tuple(values["conditions"]["models"])}
            return cls(Machine(**machine), Conditions(**conditions), energy_source=values["energy_source"], **rows)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the figures of a benchmark: missing or unknown field: {error}") from None


_ROWS: dict[str, Any] = {
    "ceilings": Ceiling,
    "throughput": Throughput,
    "latency": Latency,
    "cold_start": ColdStart,
    "peak_memory": PeakMemory,
    "disk": DiskSize,
    "threads": ThreadScaling,
    "lengths": LengthScaling,
    "corpora": CorpusScaling,
    "skipped": Skipped,
}


def write_result(result: BenchmarkResult, path: str | os.PathLike[str]) -> None:
    """Write the figures as JSON.

    Raises:
        OSError: The file cannot be written, or its folder is missing.
    """
    with replace_when_done(path) as file:
        json.dump(result.to_dict(), file, indent=2)
        file.write("\n")


def read_result(path: str | os.PathLike[str]) -> BenchmarkResult:
    """Read the figures that :func:`write_result` wrote.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file does not hold the figures of a benchmark; the message names it.
    """
    try:
        return BenchmarkResult.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
