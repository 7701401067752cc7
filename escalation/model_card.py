"""Model cards, written by the training run from its own figures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from transformers import SchedulerType
from transformers.training_args import OptimizerNames

from escalation.document import Document
from escalation.recipe import Recipe
from escalation.score_table import GroupRow, ScoreRow, group_rows, score_rows, span_rows
from escalation.starting_point import is_trained_model

_TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
_WATTS = 15
"""What a busy CPU core of a server draws, memory and cooling included: a rough figure for the energy of training."""


def write_model_card(
    path: Path,
    recipe: Recipe,
    encoder: str,
    metrics: dict[str, Any],
    documents: Mapping[str, Sequence[Document]],
) -> None:
    """Write the card of a trained model.

    Args:
        path: File to write.
        recipe: What was trained, its labels included.
        encoder: Name of the pretrained encoder.
        metrics: What ``metrics.json`` holds.
        documents: The documents of the splits ``train`` and ``dev``, and of each test file by its name.
    """
    arguments = recipe.training_arguments()
    base_model = recipe.base_model or encoder
    data = ModelCardData(
        language=recipe.language,
        license=recipe.license,
        library_name="escalation",
        pipeline_tag="token-classification",
        base_model=base_model,
        tags=["conflict", "news", "named-entity-recognition", "stance", "onnx"],
        model_name=recipe.name,
        eval_results=list(_results(metrics)),
    )
    exact = {row.name: row.value for row in score_rows(metrics["raw_text_float32"])}
    hours = metrics["training_seconds"] / 3600
    cores = min(torch.get_num_threads(), os.cpu_count() or 1)
    card = ModelCard.from_template(
        data,
        template_path=str(_TEMPLATE),
        name=recipe.name,
        folder=path.parent.name,
        entity_labels=recipe.entity_labels,
        stances=recipe.stances,
        notes=Path(recipe.card_notes).read_text(encoding="utf-8").strip() if recipe.card_notes else "",
        teacher=bool(recipe.teacher),
        base_model=base_model,
        started_from=Path(recipe.encoder).name if is_trained_model(recipe.encoder) else None,
        averaged=len(recipe.average_with) + 1 if recipe.average_with else 0,
        kept="; ".join(_kept(recipe)),
        counts=[(split, *_counts(held)) for split, held in documents.items() if held],
        starting_weight=f"{recipe.starting_weight:g}" if recipe.starting_weight else "",
        window_tokens=recipe.window_tokens,
        optimizer=(
            f"{OptimizerNames(arguments.optim).value}, peak learning rate {arguments.learning_rate:g} (encoder) and "
            f"{recipe.head_learning_rate:g} (heads), {SchedulerType(arguments.lr_scheduler_type).value} schedule, "
            f"{arguments.per_device_train_batch_size} windows a batch, seed {arguments.seed}"
        ),
        epochs=f"{arguments.num_train_epochs:g}",
        training_minutes=round(metrics["training_seconds"] / 60),
        hardware=_count(cores, "CPU core") if arguments.use_cpu else _count(arguments.n_gpu, "accelerator"),
        energy=f"about {hours * cores * _WATTS / 1000:.2g} kWh, at {_WATTS} W a core" if arguments.use_cpu else "",
        weights=_weights(recipe),
        dev_rows=[(*_cells(row), _figure(exact[row.name])) for row in score_rows(metrics["raw_text"])],
        dev_spans=[_cells(row) for row in span_rows(metrics["raw_text"])],
        dev_groups=[_group_cells(row) for row in group_rows(metrics["raw_text"])],
        tests=[
            (
                name,
                [_cells(row) for row in score_rows(test)],
                [_cells(row) for row in span_rows(test)],
                [_group_cells(row) for row in group_rows(test)],
            )
            for name, test in metrics["tests"].items()
        ],
        calibration={
            kind: (found["error"], metrics["uncalibrated"]["calibration"][kind]["error"])
            for kind, found in metrics["raw_text"]["calibration"].items()
        },
        thresholds=metrics["thresholds"],
    )
    path.write_text(str(card).rstrip() + "\n", encoding="utf-8")


def _kept(recipe: Recipe) -> Iterator[str]:
    """Say what of the encoder the model began with, where it is not the whole."""
    if recipe.encoder_layers is not None:
        yield f"layers {', '.join(map(str, recipe.encoder_layers))}"
    if recipe.feed_forward_size is not None:
        yield f"{recipe.feed_forward_size:,} neurons of each feed-forward layer"
    if recipe.vocabulary_size is not None:
        yield f"{recipe.vocabulary_size:,} tokens of its vocabulary"


def _weights(recipe: Recipe) -> str:
    if not recipe.quantize:
        return "float32"
    return "8-bit integers" + (", whose rounding errors training took into account" * recipe.quantization_aware)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _counts(documents: Sequence[Document]) -> tuple[str, str, str]:
    sentences, spans = (sum(len(getattr(item, kind)) for item in documents) for kind in ("sentences", "spans"))
    return f"{len(documents):,}", f"{sentences:,}", f"{spans:,}"


def _cells(row: ScoreRow) -> tuple[str, str, str, str, str, int]:
    interval = "" if row.interval is None else f"{row.interval[0]:.3f} to {row.interval[1]:.3f}"
    return row.name, _figure(row.precision), _figure(row.recall), _figure(row.value), interval, row.support


def _group_cells(row: GroupRow) -> tuple[str, ...]:
    figures = map(_figure, (*row.span_f1.values(), row.macro_f1, row.primary_accuracy))
    return row.name, f"{row.sentences:,}", *figures


def _results(metrics: dict[str, Any]) -> Iterator[EvalResult]:
    """Yield the main scores as the Hub's model index has them."""
    span_names = {*metrics["raw_text"]["spans"], "all spans"}
    scored = [("dev", "dev documents", metrics["raw_text"])]
    scored += [("test", name, scores) for name, scores in metrics["tests"].items()]
    for split, name, scores in scored:
        for row in score_rows(scores):
            yield EvalResult(
                task_type="token-classification" if row.name in span_names else "text-classification",
                dataset_type="news",
                dataset_name=name,
                dataset_config=name if split == "test" else None,  # keeps test files apart
                dataset_split=split,
                metric_type="accuracy" if "accuracy" in row.name else "f1",
                metric_name=row.name if "accuracy" in row.name or "F1" in row.name else f"{row.name} F1",
                metric_value=round(row.value, 4),
            )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
