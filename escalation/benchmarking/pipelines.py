"""The usual way: one token classifier and one sequence classifier, each a pipeline of ``transformers``."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
    pipeline,
)
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging as transformers_logging

from escalation.benchmarking.results import DEFAULT_PIPELINES
from escalation.benchmarking.subject import Contender, Reader
from escalation.model_folder import CONFIG_FILE, TOKENIZER_FILE, ModelFolder
from escalation.segmentation import split_sentences

BATCHED_PIPELINES = "two pipelines, batches of 32"
ONNX_PIPELINES = "two pipelines on ONNX Runtime"
BATCHED_ONNX_PIPELINES = "two pipelines on ONNX Runtime, batches of 32"

_BATCH = 32
_SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_CERTAIN = 10.0
_POSITIONS_KEPT_FREE = 2
"""Some encoders number positions from the id of padding on, and so read two tokens less than they have positions."""


@dataclass(frozen=True)
class PipelineFolders:
    """Where the two models lie, each a folder that ``transformers.pipeline`` loads.

    Attributes:
        tagger: The token classifier.
        classifier: The sequence classifier.
    """

    tagger: Path
    classifier: Path


def save_pipelines(folder: ModelFolder, target: Path) -> PipelineFolders:
    """Make the two models that do a model's work, of its encoder's size and with its tokenizer.

    Their weights are random, which changes nothing about their speed. The token classifier is set to find next to
    nothing, so that no time goes into putting random spans together.

    Args:
        folder: The model.
        target: Folder to write into.
    """
    config = json.loads((folder.path / CONFIG_FILE).read_text(encoding="utf-8"))
    encoder = {key: value for key, value in config["encoder"].items() if key not in {"dtype", "architectures"}}
    tokenizer = _tokenizer(folder, encoder["max_position_embeddings"])
    folders = PipelineFolders(target / "tagger", target / "classifier")
    with quiet():
        torch.manual_seed(0)
        for path, auto, labels in (
            (folders.tagger, AutoModelForTokenClassification, folder.labels.tags),
            (folders.classifier, AutoModelForSequenceClassification, folder.labels.stances or ("none",)),
        ):
            names = dict(enumerate(labels))
            ids = {label: index for index, label in names.items()}
            model = auto.from_config(AutoConfig.for_model(**encoder, id2label=names, label2id=ids))
            if path == folders.tagger:
                torch.nn.init.constant_(model.classifier.bias[:1], _CERTAIN)
            model.save_pretrained(path)
            tokenizer.save_pretrained(path)
    return folders


class Pipelines:
    """The two pipelines, loaded.

    Args:
        folders: Where the models lie.
        device: ``"auto"``, ``"cpu"`` or a torch device.
    """

    def __init__(self, folders: PipelineFolders, device: str) -> None:
        place = "cpu" if device == "auto" else device
        with quiet():
            self.tag = pipeline("token-classification", str(folders.tagger), aggregation_strategy="first", device=place)
            self.classify = pipeline("text-classification", str(folders.classifier), top_k=None, device=place)

    def read(self, texts: Sequence[str]) -> list[Any]:
        """Read texts sentence by sentence."""
        return self._read(
            texts,
            lambda sentences: [self.tag(sentence) for sentence in sentences],
            lambda sentences: [self.classify(sentence, truncation=True)[0] for sentence in sentences],
        )

    def read_batched(self, texts: Sequence[str]) -> list[Any]:
        """Read the sentences of all texts, 32 a batch."""
        return self._read(
            texts,
            lambda sentences: self.tag(sentences, batch_size=_BATCH),
            lambda sentences: self.classify(sentences, batch_size=_BATCH, truncation=True),
        )

    def run_on_onnx_runtime(self, folder: Path, threads: int | None) -> None:
        """Have ONNX Runtime compute what the models compute, in float32.

        Args:
            folder: Where the graphs are written.
            threads: CPU threads; None for the library's own choice.
        """
        for name, pipe in (("tagger", self.tag), ("classifier", self.classify)):
            path = folder / f"{name}.onnx"
            _export(pipe, path)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads or 0
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            pipe.model.forward = _session_forward(session)

    def _read(
        self,
        texts: Sequence[str],
        tag: Callable[[list[str]], list[Any]],
        classify: Callable[[list[str]], list[Any]],
    ) -> list[Any]:
        bounds = [(text, start, end) for text in texts for start, end in split_sentences(text)]
        sentences = [text[start:end] for text, start, end in bounds]
        spans = [
            [(start + item["start"], start + item["end"], item["entity_group"]) for item in found]
            for (_, start, _), found in zip(bounds, tag(sentences), strict=True)
        ]
        return list(zip(bounds, spans, classify(sentences), strict=True))


def pipeline_contenders(
    folders: PipelineFolders, model: str, device: str, threads: int | None, *, onnx: bool
) -> list[Contender]:
    """Return the two pipelines at their defaults and batched, in torch and, where asked for, on ONNX Runtime.

    Args:
        folders: Where the models lie; graphs are written beside them.
        model: Name of the model that they have the size of.
        device: ``"auto"``, ``"cpu"`` or a torch device.
        threads: CPU threads of ONNX Runtime; None for its own choice.
        onnx: Whether to run them on ONNX Runtime, too.
    """
    plain = Pipelines(folders, device)
    readers: list[tuple[str, Reader]] = [(DEFAULT_PIPELINES, plain.read), (BATCHED_PIPELINES, plain.read_batched)]
    if onnx:
        fast = Pipelines(folders, device)
        fast.run_on_onnx_runtime(folders.tagger.parent, threads)
        readers += [(ONNX_PIPELINES, fast.read), (BATCHED_ONNX_PIPELINES, fast.read_batched)]
    return [Contender(system, model, read) for system, read in readers]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep ``transformers`` and the exporter from telling what they do."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def _tokenizer(folder: ModelFolder, positions: int) -> Any:
    file = folder.path / "tokenizer_config.json"
    settings = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    special = {name: settings[name] for name in _SPECIAL_TOKENS if settings.get(name)}
    longest = min(int(settings.get("model_max_length", positions)), positions - _POSITIONS_KEPT_FREE)
    return PreTrainedTokenizerFast(
        tokenizer_file=str(folder.path / TOKENIZER_FILE), model_max_length=longest, **special
    )


def _export(pipe: Any, path: Path) -> None:
    inputs = dict(pipe.tokenizer(["One sentence.", "And another one."], return_tensors="pt", padding=True))
    dynamic = {name: {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for name in inputs}
    with quiet():
        program = torch.onnx.export(
            pipe.model.eval(),
            (),
            kwargs=inputs,
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_shapes=dynamic,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(path)


def _session_forward(session: Any) -> Callable[..., SequenceClassifierOutput]:
    names = [item.name for item in session.get_inputs()]

    def forward(**inputs: Any) -> SequenceClassifierOutput:
        [logits] = session.run(None, {name: inputs[name].numpy() for name in names})
        return SequenceClassifierOutput(logits=torch.from_numpy(logits))

    return forward
