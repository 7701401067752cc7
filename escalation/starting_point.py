"""The model that training starts from: fresh heads on a pretrained encoder, or a trained model with heads to match."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from escalation.configuration import EscalationConfig
from escalation.labels import LabelScheme
from escalation.model_folder import ModelFolder, is_shipped
from escalation.modeling import EscalationModel
from escalation.recipe import Recipe
from escalation.torch_runtime import TorchRuntime


def starting_point(recipe: Recipe, labels: LabelScheme) -> tuple[EscalationModel, PreTrainedTokenizerFast]:
    """Return the model and the tokenizer that a recipe starts from.

    Where ``recipe.encoder`` is a trained escalation model (a shipped one, a folder or a Hub id), its encoder is taken,
    and of its heads what was learnt for labels of the same name; the rest is new.

    Args:
        recipe: What to train.
        labels: The labels of the new model.

    Raises:
        ValueError: The tokenizer cannot give character offsets.
        OSError: The encoder or model is missing.
    """
    settings = {
        "entity_labels": labels.entity_labels,
        "stances": labels.stances,
        "window_tokens": recipe.window_tokens,
        "window_overlap": recipe.window_overlap,
        "head_dropout": recipe.head_dropout,
        "tag_loss_weight": recipe.tag_loss_weight,
        "float32_matrices": recipe.float32_matrices,
    }
    if is_trained_model(recipe.encoder):
        folder = ModelFolder.open(recipe.encoder)
        trained = TorchRuntime.load(folder, "cpu").model
        model = EscalationModel(EscalationConfig(encoder=trained.encoder.config, **settings))
        model.encoder = trained.encoder
        if recipe.base_model is not None:
            model.encoder.config.name_or_path = recipe.base_model
        copy_heads(trained, model)
        tokenizer = AutoTokenizer.from_pretrained(folder.path)
    else:
        model = EscalationModel.from_encoder(recipe.encoder, base_model=recipe.base_model, **settings)
        tokenizer = AutoTokenizer.from_pretrained(recipe.encoder)
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
def copy_heads(source: EscalationModel, target: EscalationModel) -> None:
    """Copy from one model's heads to another's what belongs to tags and stances that both have."""
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


def _shared(source: tuple[str, ...], target: tuple[str, ...]) -> list[tuple[int, int]]:
    return [(source.index(name), index) for index, name in enumerate(target) if name in source]


def _copy_rows(source: nn.Linear, target: nn.Linear, rows: list[tuple[int, int]]) -> None:
    for ours, theirs in rows:
        target.weight[theirs] = source.weight[ours]
        assert isinstance(source.bias, Tensor)
        target.bias[theirs] = source.bias[ours]
