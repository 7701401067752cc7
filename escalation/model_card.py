"""Model cards, written by the training run from its own figures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from transformers import SchedulerType
from transformers.training_args import OptimizerNames

from escalation.document import Document
from escalation.evaluation import score_rows
from escalation.recipe import Recipe

_TEMPLATE = Path(__file__).with_name("model_card.md.jinja")


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
        documents: The documents of the splits ``train``, ``dev`` and, where there are any, ``test``.
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
    )
    exact = {name: value for name, _, _, value, _ in score_rows(metrics["raw_text_float32"])}
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
        started_from=None if recipe.encoder == encoder else Path(recipe.encoder).name,
        counts=[(split, *_counts(held)) for split, held in documents.items() if held],
        window_tokens=recipe.window_tokens,
        optimizer=(
            f"{OptimizerNames(arguments.optim).value}, peak learning rate {arguments.learning_rate:g} (encoder) and "
            f"{recipe.head_learning_rate:g} (heads), {SchedulerType(arguments.lr_scheduler_type).value} schedule, "
            f"{arguments.per_device_train_batch_size} windows a batch, seed {arguments.seed}"
        ),
        epochs=f"{arguments.num_train_epochs:g}",
        training_minutes=round(metrics["training_seconds"] / 60),
        hardware=f"{os.cpu_count()} CPU cores" if arguments.use_cpu else f"{arguments.n_gpu} accelerator(s)",
        weights="8-bit integers" if recipe.quantize else "float32",
        dev_rows=[(*row, _figure(exact[row[0]])) for row in _rows(metrics["raw_text"])],
        test_rows=_rows(metrics["test"]) if "test" in metrics else [],
    )
    path.write_text(str(card).rstrip() + "\n", encoding="utf-8")


def _counts(documents: Sequence[Document]) -> tuple[str, str, str]:
    sentences, spans = (sum(len(getattr(item, kind)) for item in documents) for kind in ("sentences", "spans"))
    return f"{len(documents):,}", f"{sentences:,}", f"{spans:,}"


def _rows(scores: dict[str, Any]) -> list[tuple[str, str, str, str, int]]:
    return [
        (name, _figure(precision), _figure(recall), _figure(value), support)
        for name, precision, recall, value, support in score_rows(scores)
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
