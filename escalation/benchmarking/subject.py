"""A model under test, and what reading each text takes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from escalation.benchmarking.flops import FlopCount, count_flops
from escalation.benchmarking.results import OURS, DiskSize
from escalation.benchmarking.settings import Settings, model_name
from escalation.benchmarking.workload import Workload
from escalation.model_folder import CONFIG_FILE, TOKENIZER_FILE, ModelFolder
from escalation.predictor import Predictor, load
from escalation.segmentation import split_sentences


class Reader(Protocol):
    """Reads raw texts."""

    def __call__(self, texts: Sequence[str], /) -> Any:
        """Return labels with offsets."""
        ...


@dataclass(frozen=True)
class Contender:
    """Something that reads articles.

    Attributes:
        system: Its name.
        model: The model whose encoder it runs; empty where it runs none.
        read: Reads raw texts, and returns labels with offsets.
    """

    system: str
    model: str
    read: Reader


@dataclass(frozen=True)
class Subject:
    """A loaded model.

    Attributes:
        name: What tables call it.
        source: Name, folder or Hub id that it was loaded from.
        folder: Its files.
        predictor: The loaded model.
        tokens: Tokens of each unique text, without special tokens, shape ``(unique,)``.
        flops: Operations that each unique text needs, shape ``(unique,)``; None where they are not counted.
        flop_count: Operations by token and by pair of tokens.
    """

    name: str
    source: str
    folder: ModelFolder
    predictor: Predictor
    tokens: npt.NDArray[np.int64]
    flops: npt.NDArray[np.int64] | None
    flop_count: FlopCount | None

    @classmethod
    def load(cls, model: str, workload: Workload, settings: Settings) -> Subject:
        """Load a model and count the tokens of the texts.

        Raises:
            ModelFolderError: There is no such model, or its folder is not whole.
            ValueError: The model does not run on the device.
        """
        folder = ModelFolder.open(model)
        predictor = load(model, settings.device, settings.runtime, threads=settings.threads)
        tokenizer = predictor.encoder.tokenizer
        tokens = []
        for text in workload.unique:
            sentences = [text[start:end] for start, end in split_sentences(text)]
            tokens.append([len(item.ids) for item in tokenizer.encode_batch(sentences, add_special_tokens=False)])
        count = count_flops(json.loads((folder.path / CONFIG_FILE).read_text(encoding="utf-8")))
        special = tokenizer.num_special_tokens_to_add(False)
        return cls(
            model_name(model),
            model,
            folder,
            predictor,
            np.array([sum(item) for item in tokens], dtype=np.int64),
            None if count is None else np.array([count.of(item, special) for item in tokens], dtype=np.int64),
            count,
        )

    def contender(self) -> Contender:
        """Return what reads articles with the model."""
        return Contender(OURS, self.name, self.predictor.predict)

    def disk_size(self, settings: Settings) -> DiskSize:
        """Return the size of the files that predicting needs."""
        graph, weights = self.folder.onnx_path, self.folder.weights_path
        uses_graph = graph.is_file() and (not weights.is_file() or (settings.runtime != "torch" and settings.on_cpu))
        chosen = graph if uses_graph else weights
        others = [self.folder.path / name for name in (CONFIG_FILE, TOKENIZER_FILE)]
        return DiskSize(self.name, chosen.name, _size(chosen), sum(map(_size, (chosen, *others))))


def _size(path: Path) -> int:
    return path.stat().st_size
