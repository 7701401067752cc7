"""What a benchmark is asked to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from escalation.benchmarking.workload import usual_data
from escalation.model_folder import CONFIG_FILE, SHIPPED, is_shipped
from escalation.runtime import RuntimeName

_FULL_ROUNDS, _QUICK_ROUNDS = 5, 3
_FULL_ARTICLES, _QUICK_ARTICLES = 1_000, 150


@dataclass(frozen=True)
class Settings:
    """Models, texts and the effort to spend.

    Attributes:
        models: Names of shipped models, model folders or Hub ids.
        data: File of texts.
        articles: Least number of articles in the workload.
        rounds: Rounds of each measurement.
        device: ``"auto"``, ``"cpu"`` or a torch device such as ``"cuda"``.
        runtime: ``"auto"``, ``"onnx"`` or ``"torch"``.
        threads: CPU threads; None for each library's own choice.
        peers: Whether to measure other tools, too.
        quick: Whether to leave out the long measurements.
    """

    models: tuple[str, ...]
    data: Path
    articles: int
    rounds: int
    device: str = "auto"
    runtime: RuntimeName = "auto"
    threads: int | None = None
    peers: bool = True
    quick: bool = False

    @classmethod
    def of(
        cls,
        models: list[str] | None = None,
        data: Path | None = None,
        *,
        articles: int | None = None,
        rounds: int | None = None,
        device: str = "auto",
        runtime: RuntimeName = "auto",
        threads: int | None = None,
        peers: bool = True,
        quick: bool = False,
    ) -> Settings:
        """Put the usual values where none is given: all shipped models, texts of the repository.

        Raises:
            ValueError: Two models have the same name.
            FileNotFoundError: No texts are given, and none come with the library.
        """
        names = models or shipped_models()
        shown = [model_name(name) for name in names]
        twice = sorted({name for name in shown if shown.count(name) > 1})
        if twice:
            raise ValueError(f"two models are called {twice[0]!r}; rename a folder to tell them apart")
        return cls(
            tuple(names),
            data or usual_data(),
            articles or (_QUICK_ARTICLES if quick else _FULL_ARTICLES),
            rounds or (_QUICK_ROUNDS if quick else _FULL_ROUNDS),
            device,
            runtime,
            threads,
            peers,
            quick,
        )

    @property
    def on_cpu(self) -> bool:
        """Whether models run on the CPU."""
        return self.device in {"auto", "cpu"}

    @property
    def round_seconds(self) -> float:
        """About what a system reads in a round where it is too slow for the whole workload."""
        return 1.0 if self.quick else 5.0

    @property
    def latency_articles(self) -> int:
        """Most articles whose latency is taken in a round."""
        return 10 if self.quick else 50

    @property
    def memory_articles(self) -> int:
        """Articles that a fresh process reads while its memory is watched."""
        return 20 if self.quick else 100

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths of articles, in sentences."""
        return () if self.quick else (10, 30, 100, 300, 1_000, 3_000, 10_000)

    @property
    def corpora(self) -> tuple[int, ...]:
        """Sizes of corpora, in articles."""
        return () if self.quick else (1_000, 10_000, 100_000)


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package, the smallest first."""
    folders = [path.parent for path in SHIPPED.glob(f"*/{CONFIG_FILE}")]
    return [folder.name for folder in sorted(folders, key=_bytes)]


def model_name(model: str) -> str:
    """Return what a model is called in tables: a folder's own name, or the name or Hub id itself."""
    return Path(model).resolve().name if Path(model).is_dir() and not is_shipped(model) else model


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
