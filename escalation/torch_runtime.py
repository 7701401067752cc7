"""The runtime for GPUs and for checkpoints that have no ONNX graph: torch."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from escalation.batching import Batch, plan_batches
from escalation.encoding import FloatArray, IntArray
from escalation.model_folder import ModelFolder, ModelFolderError
from escalation.modeling import EscalationModel

_TRIAL_TOKENS = 8
_FLOAT16_ENCODERS = frozenset({"bert", "mpnet"})
"""Encoders whose numbers stay far below what float16 can hold: 170 and 900 in the shipped ones, of 65,504."""


@dataclass(frozen=True)
class _Batching:
    """How windows are batched on a kind of device; see :func:`~escalation.batching.plan_batches`."""

    budget: int
    overhead: int
    multiple: int = 1
    tokens_at_once: int = 16_384


_BATCHING = {
    "cpu": _Batching(budget=1_024, overhead=32),
    # Kernels start one by one, whatever their size; tensor cores take sizes that are multiples of 8.
    "cuda": _Batching(budget=65_536, overhead=2_048, multiple=8, tokens_at_once=262_144),
}


class TorchRuntime:
    """Scores windows in padded batches of similar length. Threads may share one.

    On CUDA, inputs and scores are copied from and to pinned memory, and while a batch is computed, the one before it
    is put in its place and the one after it is prepared.

    Args:
        model: The model; it is put into evaluation mode, moved to the device and cast.
        pad_token_id: Token id of padding.
        device: A torch device, or ``"auto"``: the accelerator if there is one, else the CPU.
        bfloat16: Keep the weights in float32, and multiply matrices in bfloat16: faster, and a little less exact.
        dtype: Number format of the weights and of what is computed with them. None takes, on CUDA, float16 for
            encoders known to stay within its range, and bfloat16 for others where the GPU has it; it takes float32
            elsewhere and where ``bfloat16`` is set. Of two formats of one speed, float16 is eight times as exact.
        compile: Compile the model with ``torch.compile``; the first batches then take long. Where that fails, a
            ``RuntimeWarning`` says why, and the model runs as it is.

    Raises:
        ValueError: There is no such device here.
    """

    def __init__(
        self,
        model: EscalationModel,
        pad_token_id: int,
        device: str = "auto",
        *,
        bfloat16: bool = False,
        dtype: torch.dtype | None = None,
        compile: bool = False,  # noqa: A002 - torch's name for it
    ) -> None:
        try:
            self.device = _device(device)
            model.to(device=self.device)
            self.dtype = dtype or (
                torch.float32 if bfloat16 else _fastest_dtype(self.device, model.encoder.config.model_type)
            )
            model.to(dtype=self.dtype)
        except (RuntimeError, AssertionError) as error:  # what torch raises depends on the device
            raise ValueError(f"cannot run on device {device!r}: {_first_line(error)}") from None
        self.bfloat16 = bfloat16
        model.eval()
        self.model = model
        self.pad_token_id = pad_token_id
        self._batching = _BATCHING.get(self.device.type, _BATCHING["cuda"])
        self.tokens_at_once = self._batching.tokens_at_once
        self._is_cuda = self.device.type == "cuda"
        self._forward: Callable[..., Any] = model
        self._one_at_a_time: threading.Lock | nullcontext[None] = nullcontext()
        if compile:
            self._compile()

    @classmethod
    def load(
        cls,
        folder: ModelFolder,
        device: str = "auto",
        *,
        dtype: torch.dtype | None = None,
        compile: bool = False,  # noqa: A002 - torch's name for it
    ) -> TorchRuntime:
        """Load a model folder: its safetensors, or else the weights inside its ONNX graph.

        Args:
            folder: The model.
            device: See :class:`TorchRuntime`.
            dtype: See :class:`TorchRuntime`.
            compile: See :class:`TorchRuntime`.

        Raises:
            ModelFolderError: The weights are missing or broken.
            ValueError: There is no such device here.
        """
        if not folder.weights_path.is_file():
            from escalation.export import load_exported

            model = load_exported(folder)
        else:
            try:
                model = EscalationModel.from_pretrained(folder.path, dtype=torch.float32, use_safetensors=True)
            except (SafetensorError, RuntimeError, OSError) as error:
                raise ModelFolderError(f"{folder.weights_path}: cut short or of another model: {error}") from None
        return cls(model, folder.pad_token_id, device, dtype=dtype, compile=compile)

    @torch.inference_mode()
    def score(self, windows: Sequence[IntArray]) -> list[FloatArray]:
        """Score windows; see :class:`~escalation.runtime.Runtime`."""
        scores: list[FloatArray] = [np.empty((0, 0), dtype=np.float32)] * len(windows)
        for batch, batch_scores in self._computed(windows):
            for index, row_scores in zip(batch.indices, batch_scores, strict=True):
                # A copy, so that a few rows do not keep a whole batch in memory.
                scores[index] = row_scores[: windows[index].shape[1]].copy()
        return scores

    def _computed(self, windows: Sequence[IntArray]) -> Iterator[tuple[Batch, FloatArray]]:
        """Yield each batch with its scores, shape ``(rows, tokens, score_count)``, once the next one is under way."""
        batches = plan_batches(
            [window.shape[1] for window in windows],
            self._batching.budget,
            overhead=self._batching.overhead,
            multiple=self._batching.multiple,
            longest=self.model.config.window_tokens,
        )
        before: tuple[Batch, _Copy] | None = None
        for batch in batches:
            under_way = batch, self._start(self._inputs(windows, batch))
            if before is not None:
                yield before[0], before[1].result()
            before = under_way
        if before is not None:
            yield before[0], before[1].result()

    def _inputs(self, windows: Sequence[IntArray], batch: Batch) -> Tensor:
        """Return token ids, word shapes and, where there is padding, the attention mask.

        Returns:
            Shape ``(3, rows, tokens)``, or ``(2, rows, tokens)`` for windows that all fill their row.
        """
        lengths = [windows[index].shape[1] for index in batch.indices]
        is_padded = min(lengths) < batch.length
        size = (2 + is_padded, len(lengths), batch.length)
        inputs = torch.empty(size, dtype=torch.int64, pin_memory=self._is_cuda)
        values = inputs.numpy()
        values[0] = self.pad_token_id
        values[1:] = 0
        for row, (index, tokens) in enumerate(zip(batch.indices, lengths, strict=True)):
            values[:2, row, :tokens] = windows[index]
            values[2:, row, :tokens] = 1
        return inputs

    def _start(self, inputs: Tensor) -> _Copy:
        """Compute scores; on CUDA, only set the device to work."""
        ids, shapes, *masks = inputs.to(self.device, non_blocking=self._is_cuda)
        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)
        with self._one_at_a_time, autocast:
            scores = self._forward(ids, masks[0] if masks else None, shapes).scores
        return _Copy(scores.float())

    def _compile(self) -> None:
        """Compile the model and try it, so that an error shows here; torch compiles on one thread at a time."""
        try:
            self._one_at_a_time = threading.Lock()
            self._forward = torch.compile(self.model, dynamic=True)
            tokens = min(_TRIAL_TOKENS, self.model.config.window_tokens)
            self.score([np.zeros((2, tokens), dtype=np.int64), np.zeros((2, tokens - 1), dtype=np.int64)])
        except Exception as error:  # what backends and compilers raise shares no base class
            self._one_at_a_time = nullcontext()
            self._forward = self.model
            cause = getattr(error, "inner_exception", error)
            warnings.warn(
                f"the model runs uncompiled, for it cannot be compiled for {str(self.device)!r}: {_first_line(cause)}",
                RuntimeWarning,
                stacklevel=3,
            )


class _Copy:
    """Scores on their way to the CPU.

    Args:
        scores: Scores on any device.
    """

    def __init__(self, scores: Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        if scores.device.type != "cuda":
            self._scores = scores.cpu()
            return
        self._scores = torch.empty(scores.shape, dtype=scores.dtype, pin_memory=True)
        self._scores.copy_(scores, non_blocking=True)
        # Blocking, so that the thread that waits leaves its core to others.
        self._arrived = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        self._arrived.record(torch.cuda.current_stream(scores.device))

    def result(self) -> FloatArray:
        """Wait for the scores, and return them."""
        if self._arrived is not None:
            self._arrived.synchronize()
        scores: FloatArray = self._scores.numpy()
        return scores


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


def _fastest_dtype(device: torch.device, encoder: str) -> torch.dtype:
    """Return the most exact of the number formats that a device multiplies fastest."""
    if device.type != "cuda":
        return torch.float32
    if encoder in _FLOAT16_ENCODERS:
        return torch.float16
    with torch.cuda.device(device):
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 else torch.float16


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
