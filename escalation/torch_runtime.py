"""The runtime for GPUs and for checkpoints that have no ONNX graph: torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from safetensors import SafetensorError

from escalation.encoding import FloatArray, IntArray
from escalation.model_folder import ModelFolder, ModelFolderError
from escalation.modeling import EscalationModel

_TOKENS_IN_BATCH = {"cpu": 1024, "cuda": 65_536}


class TorchRuntime:
    """Scores windows in padded batches of similar length.

    Args:
        model: The model; it is put into evaluation mode and moved to the device.
        pad_token_id: Token id of padding.
        device: A torch device, or ``"auto"``: the accelerator if there is one, else the CPU.
        bfloat16: Multiply matrices in bfloat16: faster, and a little less exact.

    Raises:
        ValueError: There is no such device here.
    """

    def __init__(
        self, model: EscalationModel, pad_token_id: int, device: str = "auto", *, bfloat16: bool = False
    ) -> None:
        try:
            self.device = _device(device)
            model.to(device=self.device)
        except (RuntimeError, AssertionError) as error:  # what torch raises depends on the device
            first_line = str(error).strip().splitlines()[0]
            raise ValueError(f"cannot run on device {device!r}: {first_line}") from None
        self.bfloat16 = bfloat16
        model.eval()
        self.model = model
        self.pad_token_id = pad_token_id

    @classmethod
    def load(cls, folder: ModelFolder, device: str = "auto") -> TorchRuntime:
        """Load a model folder: its safetensors, or else the weights inside its ONNX graph.

        Raises:
            ModelFolderError: The weights are missing or broken.
        """
        if not folder.weights_path.is_file():
            from escalation.export import load_exported

            return cls(load_exported(folder), folder.pad_token_id, device)
        try:
            model = EscalationModel.from_pretrained(folder.path, dtype=torch.float32, use_safetensors=True)
        except (SafetensorError, RuntimeError, OSError) as error:
            raise ModelFolderError(f"{folder.weights_path}: cut short or of another model: {error}") from None
        return cls(model, folder.pad_token_id, device)

    @torch.inference_mode()
    def score(self, windows: Sequence[IntArray]) -> list[FloatArray]:
        """Score windows; see :class:`~escalation.runtime.Runtime`."""
        scores: list[FloatArray] = [np.empty((0, 0), dtype=np.float32)] * len(windows)
        for batch in self._batches(windows):
            longest = max(windows[index].shape[1] for index in batch)
            ids = torch.full((len(batch), longest), self.pad_token_id)
            mask, shapes = torch.zeros_like(ids), torch.zeros_like(ids)
            for row, index in enumerate(batch):
                tokens = windows[index].shape[1]
                ids[row, :tokens], shapes[row, :tokens] = torch.from_numpy(windows[index])
                mask[row, :tokens] = 1
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
                output = self.model(ids.to(self.device), mask.to(self.device), shapes.to(self.device)).scores
            for index, row_scores in zip(batch, output.float().cpu().numpy(), strict=True):
                scores[index] = row_scores[: windows[index].shape[1]]
        return scores

    def _batches(self, windows: Sequence[IntArray]) -> Iterator[list[int]]:
        """Group windows by length, up to a number of tokens with padding."""
        budget = _TOKENS_IN_BATCH.get(self.device.type, _TOKENS_IN_BATCH["cuda"])
        batch: list[int] = []
        for index in sorted(range(len(windows)), key=lambda index: windows[index].shape[1]):
            if batch and (len(batch) + 1) * windows[index].shape[1] > budget:
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")
