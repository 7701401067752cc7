"""Learning rates of a model's parts: heads, and the encoder's layers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

from escalation.starting_point import layer_of


def parameter_groups(
    model: nn.Module,
    decayed: Collection[str],
    *,
    learning_rate: float,
    head_learning_rate: float,
    layer_decay: float,
    weight_decay: float,
) -> list[dict[str, Any]]:
    """Sort a model's parameters by learning rate and weight decay.

    Args:
        model: An :class:`~escalation.modeling.EscalationModel`, wrapped for several devices or not.
        decayed: Names of the parameters with weight decay.
        learning_rate: Peak learning rate of the encoder's last layer.
        head_learning_rate: Peak learning rate of the parameters outside the encoder.
        layer_decay: Factor from each of the encoder's layers to the one below (Howard and Ruder, 2018, "Universal
            language model fine-tuning"); the embeddings are below the first.
        weight_decay: Weight decay of the parameters that have any.

    Returns:
        Groups of parameters for an optimizer.

    Raises:
        ValueError: ``layer_decay`` is not 1, and the encoder's layers cannot be told apart by name.
    """
    names = [name.removeprefix("module.") for name, _ in model.named_parameters()]
    layers = 1 + max((layer for layer in map(layer_of, names) if layer is not None), default=-1)
    if not layers and layer_decay != 1.0:
        raise ValueError("layer_decay: the layers of this encoder cannot be told apart by name; leave it at 1")

    def rate(name: str) -> float:
        if not name.startswith("encoder."):
            return head_learning_rate
        layer = layer_of(name)
        return float(learning_rate * layer_decay ** (layers if layer is None else layers - 1 - layer))

    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, (full_name, parameter) in zip(names, model.named_parameters(), strict=True):
        key = (rate(name), weight_decay if full_name in decayed else 0.0)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "lr": group_rate, "weight_decay": group_decay}
        for (group_rate, group_decay), parameters in groups.items()
    ]
