"""Compare ways to store a model's weights: size, scores on labelled documents, and time.

``python scripts/compare_quantization.py MODEL_FOLDER data/public/text/dev.jsonl data/corpus/test.jsonl`` exports the
folder's safetensors weights in each way and prints a Markdown table. Times are medians of interleaved rounds, from raw
text to documents.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import onnx
import typer

from escalation.evaluation import read_labelled
from escalation.export import to_onnx
from escalation.labels import LabelScheme
from escalation.metrics import score_documents
from escalation.model_folder import ModelFolder
from escalation.onnx_runtime import OnnxRuntime
from escalation.predictor import Predictor
from escalation.quantization import quantize
from escalation.torch_runtime import TorchRuntime

TWO_LAYERS = ["layer.0.intermediate", "layer.0.output", "layer.1.intermediate", "layer.1.output", "attention.output"]
WAYS: dict[str, dict[str, Any] | None] = {
    "float32": None,
    "8 bits by rows": {},
    "the same, first layer's feed-forward in float32": {"float32_matrices": TWO_LAYERS[:2]},
    "the same, two layers' and attention outputs in float32": {"float32_matrices": TWO_LAYERS},
    "8 bits by blocks of 128": {"block": 128},
    "8 bits by blocks of 32": {"block": 32},
}


def figures(scores: dict[str, Any], labels: LabelScheme) -> list[str]:
    """Return the F1 of each label, and the main scores of stances."""
    values = [scores["spans"][label]["f1"] for label in labels.entity_labels]
    values += [scores["stances"][stance]["f1"] for stance in labels.stances]
    values += [scores["stances"][key] for key in ("macro_f1", "primary_accuracy")]
    return [f"{value:.3f}" for value in values]


def main(
    model: Annotated[Path, typer.Argument(help="Model folder with safetensors weights.")],
    data: Annotated[list[Path], typer.Argument(help="Labelled documents, a file a set of columns.")],
    ways: Annotated[list[str] | None, typer.Option("--way", help="Only ways whose names contain this.")] = None,
    rounds: Annotated[int, typer.Option(help="Rounds of timing.")] = 3,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
) -> None:
    """Print the table."""
    folder = ModelFolder.open(model)
    graph = to_onnx(TorchRuntime.load(folder, "cpu").model)
    files = [read_labelled([path]) for path in data]
    texts = [document.text for documents in files for document in documents]
    labels = folder.labels
    names = [*labels.entity_labels, *labels.stances, "stance macro-F1", "primary accuracy"]
    columns = [f"{path.stem}: {' | '.join(names)}" for path in data]
    typer.echo(f"| | MB | {' | '.join(columns)} | time |")
    typer.echo(f"|{' --- |' * (3 + len(names) * len(data))}")
    predictors: dict[str, Predictor] = {}
    sizes: dict[str, float] = {}
    with TemporaryDirectory() as work:
        for name, settings in WAYS.items():
            if name != "float32" and ways and not any(way in name for way in ways):
                continue
            path = Path(work, "model.onnx")
            onnx.save(graph if settings is None else quantize(graph, **settings), path)
            sizes[name] = path.stat().st_size / 1e6
            runtime = OnnxRuntime(path, folder.labels, threads)
            predictors[name] = Predictor(runtime, folder.window_encoder(), folder.decoder())
    seconds: dict[str, list[float]] = {name: [] for name in predictors}
    for _ in range(rounds):
        for name, predictor in predictors.items():
            started = time.perf_counter()
            predictor.predict(texts)
            seconds[name].append(time.perf_counter() - started)
    for name, predictor in predictors.items():
        cells = [
            figure
            for documents in files
            for figure in figures(
                score_documents(
                    documents,
                    predictor.predict([document.text for document in documents]),
                    labels.entity_labels,
                    labels.stances,
                ),
                labels,
            )
        ]
        relative = median(seconds[name]) / median(seconds["float32"])
        typer.echo(f"| {name} | {sizes[name]:.1f} | {' | '.join(cells)} | {relative:.2f} |")


if __name__ == "__main__":
    typer.run(main)
