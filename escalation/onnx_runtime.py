"""The runtime for the CPU: ONNX Runtime, without torch or transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from escalation.encoding import FloatArray, IntArray
from escalation.labels import LabelScheme
from escalation.model_folder import ModelFolderError

_ERRORS_ONLY = 3


class OnnxRuntime:
    """Scores windows one by one.

    A quantised graph scales its activations by the largest value in the whole batch, so that a window's scores
    would depend on the windows beside it. Alone, a window gives the same scores always, nothing is spent on
    padding, and a full window keeps all cores busy.

    Args:
        path: The ONNX graph: ``input_ids``, ``attention_mask`` and, where the model reads
            them, ``shapes`` in, token scores out.
        labels: What the scores are for.
        threads: Threads for one window; None takes all cores.

    Raises:
        ModelFolderError: The file is cut short or not the graph of such a model.
    """

    def __init__(self, path: Path, labels: LabelScheme, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's own exceptions share no public base class
            first_line = str(error).strip().splitlines()[0]
            raise ModelFolderError(f"{path}: not an ONNX graph, or cut short: {first_line}") from None
        inputs = {item.name for item in self._session.get_inputs()}
        outputs = self._session.get_outputs()
        self._reads_shapes = "shapes" in inputs
        if inputs - {"shapes"} != {"input_ids", "attention_mask"} or len(outputs) != 1:
            raise ModelFolderError(
                f"{path}: expected inputs input_ids, attention_mask and perhaps shapes, and one output of scores"
            )
        if outputs[0].shape[-1] != labels.score_count:
            raise ModelFolderError(
                f"{path}: gives {outputs[0].shape[-1]} scores a token where the labels in config.json need "
                f"{labels.score_count}; the two files are not of the same model"
            )

    def score(self, windows: Sequence[IntArray]) -> list[FloatArray]:
        """Score windows; see :class:`~escalation.runtime.Runtime`."""
        return [self._score_window(window) for window in windows]

    def _score_window(self, window: IntArray) -> FloatArray:
        ids, shapes = window[:, None]
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if self._reads_shapes:
            feed["shapes"] = shapes
        scores: FloatArray = self._session.run(None, feed)[0][0]
        return scores
