"""The model that training starts from: fresh heads on a pretrained encoder, or a trained model with heads to match."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from escalation.configuration import EscalationConfig
from escalation.labels import LabelScheme
from escalation.model_folder import ModelFolder, is_shipped
from escalation.modeling import EscalationModel
from escalation.recipe import Recipe
from escalation.shrinking import prune_feed_forward
from escalation.torch_runtime import TorchRuntime

_LAYER = re.compile(r"(encoder\.(?:\w+\.)?layers?\.)(\d+)(\..*)")
"""Names of parameters that belong to one of the encoder's layers."""


def starting_point(recipe: Recipe, labels: LabelScheme) -> tuple[EscalationModel, PreTrainedTokenizerFast]:
    """Return the model and the tokenizer that a recipe starts from.

    Where ``recipe.encoder`` is a trained escalation model (a shipped one, a folder or a Hub id), its encoder is taken,
    and of its heads what was learnt for labels of the same name; the rest is new.

    Args:
        recipe: What to train.
        labels: The labels of the new model.

    Raises:
        ValueError: The tokenizer cannot give character offsets, the encoder has no such layers or settings, or the
            models to average are not of one kind.
        OSError: The encoder or model is missing.
    """
    settings = {
        "entity_labels": labels.entity_labels,
        "stances": labels.stances,
        "window_tokens": recipe.window_tokens,
        "window_overlap": recipe.window_overlap,
        "head_dropout": recipe.head_dropout,
        "tag_loss_weight": recipe.tag_loss_weight,
        "focal_gamma": recipe.focal_gamma,
        "vote_loss_weight": recipe.vote_loss_weight,
        "float32_matrices": recipe.float32_matrices,
        "quantization_block": recipe.quantization_block,
    }
    if is_trained_model(recipe.encoder):
        folder = ModelFolder.open(recipe.encoder)
        trained = _mean_of([recipe.encoder, *recipe.average_with])
        shapes = trained.config.word_shapes if recipe.word_shapes is None else recipe.word_shapes
        calibration = {
            name: {label: value for label, value in (getattr(trained.config, name) or {}).items() if label in known}
            for name, known in (
                ("stance_thresholds", labels.stances),
                ("stance_calibration", labels.stances),
                ("span_calibration", labels.entity_labels),
            )
        }
        model = EscalationModel(
            EscalationConfig(encoder=trained.encoder.config, word_shapes=shapes, **calibration, **settings)
        )
        model.encoder = trained.encoder
        if recipe.base_model is not None:
            model.encoder.config.name_or_path = recipe.base_model
        copy_heads(trained, model)
        tokenizer = AutoTokenizer.from_pretrained(folder.path)
    elif recipe.average_with:
        raise ValueError(f"average_with: {recipe.encoder} is no trained model that others could be averaged with")
    else:
        shapes = recipe.word_shapes is not False
        model = EscalationModel.from_encoder(
            recipe.encoder, base_model=recipe.base_model, word_shapes=shapes, **settings
        )
        tokenizer = AutoTokenizer.from_pretrained(recipe.encoder)
    if recipe.encoder_layers is not None or recipe.encoder_settings:
        model = with_encoder_settings(model, recipe.encoder_layers, recipe.encoder_settings)
    if recipe.feed_forward_size is not None:
        model = prune_feed_forward(model, recipe.feed_forward_size)
    if not tokenizer.is_fast:
        raise ValueError(f"{recipe.encoder}: its tokenizer has no fast version, which character offsets need")
    return model, tokenizer


def is_trained_model(name: str) -> bool:
    """Whether a shipped model, folder or Hub id is a trained escalation model, not a bare encoder.

    Raises:
        OSError: There is nothing of that name.
    """
    return is_shipped(name) or AutoConfig.from_pretrained(name).model_type == EscalationConfig.model_type


@torch.no_grad()
def _mean_of(names: Sequence[str]) -> EscalationModel:
    """Return the first of some trained models with the mean of the parameters of all."""
    first, *others = (ModelFolder.open(name) for name in names)
    mean = TorchRuntime.load(first, "cpu").model
    state, vocabulary = mean.state_dict(), first.window_encoder().tokenizer.get_vocab()
    for count, (name, folder) in enumerate(zip(names[1:], others, strict=True), start=2):
        other = TorchRuntime.load(folder, "cpu").model
        values = other.state_dict()
        if (
            other.labels != mean.labels
            or {key: value.shape for key, value in values.items()} != {key: value.shape for key, value in state.items()}
            or folder.window_encoder().tokenizer.get_vocab() != vocabulary
        ):
            raise ValueError(f"average_with: {name} has other labels, parameters or tokens than {names[0]}")
        for key, value in state.items():
            value.lerp_(values[key], 1 / count)
    return mean


def with_encoder_settings(
    model: EscalationModel, layers: Sequence[int] | None, settings: Mapping[str, Any]
) -> EscalationModel:
    """Return a model with the same weights and another encoder configuration.

    Args:
        model: The model.
        layers: Layers of its encoder to keep, counted from 0; None keeps all.
        settings: Fields of the encoder's configuration to change; none that changes the shape of a weight.

    Raises:
        ValueError: The encoder has no such layer or setting.
    """
    config = copy.deepcopy(model.config)
    encoder: Any = config.encoder
    unknown = [name for name in settings if not hasattr(encoder, name)]
    if unknown:
        raise ValueError(f"encoder_settings: {encoder.model_type} encoders have no setting {unknown[0]!r}")
    for name, value in settings.items():
        setattr(encoder, name, value)
    there = range(encoder.num_hidden_layers)
    kept = list(there if layers is None else layers)
    if not kept or not set(kept) <= set(there):
        raise ValueError(f"encoder_layers: {kept} must be among the encoder's layers, 0 to {there[-1]}")
    encoder.num_hidden_layers = len(kept)
    adapted = EscalationModel(config)
    state = model.state_dict()
    if layers is not None and not any(map(_LAYER.match, state)):
        raise ValueError(f"encoder_layers: the layers of {encoder.model_type} encoders cannot be told apart by name")

    def source(name: str) -> str:
        return _LAYER.sub(lambda match: f"{match[1]}{kept[int(match[2])]}{match[3]}", name)

    try:
        adapted.load_state_dict({name: state[source(name)] for name in adapted.state_dict()})
    except RuntimeError as error:
        raise ValueError(f"encoder_settings: they do not fit the encoder's weights: {error}") from None
    return adapted


@torch.no_grad()
def copy_heads(source: EscalationModel, target: EscalationModel) -> None:
    """Copy from one model's heads to another's what belongs to tags and stances that both have."""
    if source.config.word_shapes and target.config.word_shapes:
        target.shape_embeddings.load_state_dict(source.shape_embeddings.state_dict())
    shared_tags = _shared(source.labels.tags, target.labels.tags)
    _copy_rows(source.tag_head, target.tag_head, shared_tags)
    hidden, shared = _last_layers(source, target)
    for ours, theirs in hidden:
        theirs.load_state_dict(ours.state_dict())
    stances = _shared(source.labels.stances, target.labels.stances)
    offsets = (len(source.labels.stances), len(target.labels.stances))
    values = [(ours + offsets[0], theirs + offsets[1]) for ours, theirs in stances]
    _copy_rows(*shared, [*stances, *values])


def _last_layers(
    source: EscalationModel, target: EscalationModel
) -> tuple[list[tuple[nn.Module, nn.Module]], tuple[nn.Linear, nn.Linear]]:
    ours, theirs = list(source.stance_head), list(target.stance_head)
    assert isinstance(ours[-1], nn.Linear)
    assert isinstance(theirs[-1], nn.Linear)
    return list(zip(ours[:-1], theirs[:-1], strict=True)), (ours[-1], theirs[-1])


def layer_of(name: str) -> int | None:
    """Return the encoder's layer that a parameter belongs to, by its name, counted from 0; None outside of all."""
    match = _LAYER.match(name)
    return int(match[2]) if match else None


def _shared(source: tuple[str, ...], target: tuple[str, ...]) -> list[tuple[int, int]]:
    return [(source.index(name), index) for index, name in enumerate(target) if name in source]


def _copy_rows(source: nn.Linear, target: nn.Linear, rows: list[tuple[int, int]]) -> None:
    for ours, theirs in rows:
        target.weight[theirs] = source.weight[ours]
        assert isinstance(source.bias, Tensor)
        target.bias[theirs] = source.bias[ours]
