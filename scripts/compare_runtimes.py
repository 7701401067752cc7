"""Compare ways to run a model on the CPU: how its graph is made, how its weights are stored, how threads are used.

``python scripts/compare_runtimes.py MODEL data/public/text/dev.jsonl`` scores the windows of the documents in each way
and prints a Markdown table. Rounds are interleaved, and the median counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import onnx
import typer

from escalation import onnx_runtime
from escalation.corpus import read_documents
from escalation.encoding import IntArray
from escalation.export import to_onnx, traced_graph
from escalation.model_folder import ModelFolder
from escalation.onnx_runtime import OnnxRuntime
from escalation.quantization import quantize
from escalation.segmentation import split_sentences
from escalation.torch_runtime import TorchRuntime

BLOCK = 128


def one_by_one(runtime: OnnxRuntime) -> Callable[[Sequence[IntArray]], None]:
    """Return a function that scores each window on all threads, one after the other."""

    def score(windows: Sequence[IntArray]) -> None:
        for window in windows:
            runtime.score([window])

    return score


def side_by_side(runtime: OnnxRuntime) -> Callable[[Sequence[IntArray]], None]:
    """Return a function that scores windows each on a thread of its own."""

    def score(windows: Sequence[IntArray]) -> None:
        runtime.score(windows)

    return score


def windows_of(folder: ModelFolder, paths: Iterable[Path]) -> list[IntArray]:
    """Return what the model reads of some documents."""
    encoder = folder.window_encoder()
    windows = []
    for document in (document for path in paths for document in read_documents(path)):
        block = encoder.encode(document.text, split_sentences(document.text))
        windows += [encoder.window_inputs(block, window) for window in block.windows]
    return windows


def main(
    model: Annotated[Path, typer.Argument(help="Model folder or shipped model.")],
    data: Annotated[list[Path], typer.Argument(help="Documents.")],
    rounds: Annotated[int, typer.Option(help="Rounds of timing.")] = 5,
    threads: Annotated[int | None, typer.Option(help="CPU threads; all cores by default.")] = None,
) -> None:
    """Print the table."""
    folder = ModelFolder.open(model)
    trained = TorchRuntime.load(folder, "cpu").model
    written, traced = to_onnx(trained), traced_graph(trained)
    windows = windows_of(folder, data)
    tokens = sum(window.shape[1] for window in windows)
    ways: dict[str, Callable[[Sequence[IntArray]], None]] = {}
    with TemporaryDirectory() as work:

        def runtime(graph: onnx.ModelProto, name: str) -> OnnxRuntime:
            path = Path(work, name)
            onnx.save(graph, path)
            return OnnxRuntime(path, folder.labels, threads)

        rows = quantize(written)
        plain = runtime(traced, "traced")
        ways["traced graph, float32, one window on all threads"] = one_by_one(plain)
        ways["traced graph, 8 bits by rows, one window on all threads"] = one_by_one(runtime(quantize(traced), "8bit"))
        ways["written graph, float32, a window a thread"] = side_by_side(runtime(written, "written"))
        ways["written graph, 8 bits by blocks, a window a thread"] = side_by_side(
            runtime(quantize(written, block=BLOCK), "blocks")
        )
        in_rows = runtime(rows, "rows")
        ways["written graph, 8 bits by rows, one window on all threads"] = one_by_one(in_rows)
        ways["written graph, 8 bits by rows, a window a thread"] = side_by_side(in_rows)
        fused = onnx_runtime.SLOW_FUSIONS
        onnx_runtime.SLOW_FUSIONS = []
        slow = runtime(rows, "fused")
        onnx_runtime.SLOW_FUSIONS = fused
        ways["the same, sums fused with layer norms"] = side_by_side(slow)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for round_ in range(rounds + 1):
            for name, score in ways.items():
                started = time.perf_counter()
                score(windows)
                if round_:  # the first one warms up
                    seconds[name].append(time.perf_counter() - started)
    reference = median(next(iter(seconds.values())))
    typer.echo("| | tokens/s | speed |")
    typer.echo("| --- | --- | --- |")
    for name, taken in seconds.items():
        typer.echo(f"| {name} | {tokens / median(taken):,.0f} | {reference / median(taken):.2f} |")


if __name__ == "__main__":
    typer.run(main)
