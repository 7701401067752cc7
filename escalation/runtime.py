"""Runtimes turn windows of token ids into token scores; here is what they share and how one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from escalation.encoding import FloatArray, IntArray
from escalation.model_folder import ONNX_FILE, WEIGHTS_FILE, ModelFolder, ModelFolderError

RuntimeName = Literal["auto", "onnx", "torch"]


class Runtime(Protocol):
    """Scores windows. Implementations may be called from several threads at once.

    Attributes:
        tokens_at_once: About how many tokens to score in a call, so that it is worth it.
    """

    tokens_at_once: int

    def score(self, windows: Sequence[IntArray]) -> list[FloatArray]:
        """Score windows.

        Args:
            windows: Token ids with special tokens, and the shapes of words, each of shape ``(2, tokens)``, of any
                lengths (see :meth:`~escalation.encoding.WindowEncoder.window_inputs`).

        Returns:
            For each window its token scores, shape ``(tokens, score_count)``. They do not depend on the windows
            beside it.
        """
        ...


def load_runtime(
    folder: ModelFolder, *, device: str = "auto", runtime: RuntimeName = "auto", threads: int | None = None
) -> Runtime:
    """Load a model's weights.

    Args:
        folder: The model.
        device: ``"auto"``, ``"cpu"``, or a torch device such as ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
        runtime: ``"onnx"`` (CPU), ``"torch"``, or ``"auto"``: ONNX Runtime where the folder has a graph and no other
            device is asked for, else torch.
        threads: Threads for one prediction; None takes all cores.

    Raises:
        ModelFolderError: A file that the runtime needs is missing or broken.
        ValueError: No such runtime, or it does not run on the device.
        ImportError: The torch runtime is asked for, and torch is not installed.
    """
    if runtime not in get_args(RuntimeName):
        raise ValueError(f"runtime must be one of {', '.join(get_args(RuntimeName))}, not {runtime!r}")
    on_cpu = device in {"auto", "cpu"}
    if runtime == "auto":
        runtime = "onnx" if on_cpu and folder.onnx_path.is_file() else "torch"
    if runtime == "onnx":
        if not on_cpu:
            raise ValueError(f"the ONNX runtime runs on the CPU, not on {device!r}; ask for runtime='torch'")
        if not folder.onnx_path.is_file():
            raise ModelFolderError(
                f"{folder.path}: {ONNX_FILE} is missing; "
                f"make it from {WEIGHTS_FILE} with `escalation export {folder.path}`"
            )
        from escalation.onnx_runtime import OnnxRuntime

        return OnnxRuntime(folder.onnx_path, folder.labels, threads)
    try:
        from escalation.torch_runtime import TorchRuntime
    except ImportError as error:
        raise ImportError(
            f"the torch runtime needs {error.name}, which is not installed: pip install 'escalation[train]'",
            name=error.name,
        ) from error
    return TorchRuntime.load(folder, device)
