"""Training with the rounding errors of the 8-bit graph, so that the model learns to live with them.

Quantisation-aware training (Jacob et al., 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference"): the forward pass multiplies rounded weights and activations, gradients pass
through the rounding as if it were not there. The rounding is that of :mod:`escalation.quantization` by rows: one scale
for the weights of each output, and one for all activations of a window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_WEIGHT_STEPS = 127
_ACTIVATION_STEPS = 255
_LEAST_SCALE = 1e-12
_ROWS_IN_CACHE = 32


class _RoundingLinear(nn.Linear):
    """A linear layer that multiplies as the 8-bit graph does."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the base class's name
        """Return the product of rounded activations and rounded weights, plus the bias.

        Args:
            input: Activations, shape ``(batch, tokens, features)``; every row of the batch is a window.
        """
        activations = _straight_through(input, _rounded_windows)
        return functional.linear(activations, _straight_through(self.weight, _rounded_outputs), self.bias)


def simulate_rounding(model: nn.Module, float32_matrices: Sequence[str] = ()) -> None:
    """Let the linear layers of a model multiply as the 8-bit graph will; its parameters and their names stay.

    Args:
        model: The model; it is changed.
        float32_matrices: Layers whose names contain one of these stay exact.
    """
    for name, module in model.named_modules():
        if type(module) is nn.Linear and not any(part in name for part in float32_matrices):
            object.__setattr__(module, "__class__", _RoundingLinear)


def stop_rounding(model: nn.Module) -> None:
    """Let the linear layers of a model multiply exactly again."""
    for module in model.modules():
        if type(module) is _RoundingLinear:
            object.__setattr__(module, "__class__", nn.Linear)


class _Rounding(torch.autograd.Function):
    """Rounds in the forward pass, and hands gradients on unchanged: the straight-through estimator."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rounded: Callable[[Tensor], Tensor]) -> Tensor:
        return rounded(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _straight_through(values: Tensor, rounded: Callable[[Tensor], Tensor]) -> Tensor:
    result: Tensor = _Rounding.apply(values, rounded)  # type: ignore[no-untyped-call]
    return result


def _rounded_outputs(weight: Tensor) -> Tensor:
    """Round the weights of each output to multiples of a scale of their own, shape ``(outputs, inputs)``."""
    scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=_LEAST_SCALE) / _WEIGHT_STEPS
    return (weight / scale).round_().mul_(scale)


def _rounded_windows(activations: Tensor) -> Tensor:
    """Round all activations of each window to multiples of one scale, which spans their range and zero."""
    rounded = torch.empty_like(activations)
    for window, target in zip(activations, rounded, strict=True):
        low, high = (bound.float() for bound in torch.aminmax(window))
        scale = ((high.clamp(min=0) - low.clamp(max=0)) / _ACTIVATION_STEPS).clamp(min=_LEAST_SCALE)
        for rows, target_rows in zip(window.split(_ROWS_IN_CACHE), target.split(_ROWS_IN_CACHE), strict=True):
            target_rows.copy_(rows.to(torch.float32, copy=True).div_(scale).round_().mul_(scale))
    return rounded
