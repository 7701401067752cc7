"""How many floating-point operations reading a text needs, counted from the model's configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_COUNTED_ENCODERS = {"bert", "camembert", "mpnet", "roberta", "xlm-roberta"}
"""Encoders whose layers are four square matrices of attention and two of a feed-forward block, all read once."""


@dataclass(frozen=True)
class FlopCount:
    """What matrix products cost; a multiplication and an addition are two operations.

    Attributes:
        per_token: Operations on the parameters of matrices, for each token.
        per_pair: Operations of attention, for each pair of tokens that read each other.
        window_tokens: Longest sequence that the encoder reads, special tokens included.
    """

    per_token: int
    per_pair: int
    window_tokens: int

    def of(self, sentences: Sequence[int], special_tokens: int = 2) -> int:
        """Count the operations that a text needs; special tokens and padding count for nothing.

        Args:
            sentences: Number of tokens of each sentence.
            special_tokens: Tokens that stand around the text of a window, and leave less room for it.
        """
        windows = list(_windows(sentences, self.window_tokens - special_tokens))
        return self.per_token * sum(windows) + self.per_pair * sum(tokens**2 for tokens in windows)


def count_flops(config: Mapping[str, Any]) -> FlopCount | None:
    """Count the operations of a model's matrix products.

    Args:
        config: Content of the model's ``config.json``.

    Returns:
        The operations, or None where the encoder's layers are of a form that is not counted.
    """
    encoder = config["encoder"]
    if encoder.get("model_type") not in _COUNTED_ENCODERS:
        return None
    width, layers = encoder["hidden_size"], encoder["num_hidden_layers"]
    tags, stances = 1 + 2 * len(config["entity_labels"]), len(config["stances"])
    layer = 4 * width * width + 2 * width * encoder["intermediate_size"]
    heads = width * tags + width * width + width * 2 * stances
    return FlopCount(
        per_token=2 * (layers * layer + heads),
        per_pair=2 * layers * 2 * width,
        window_tokens=config["window_tokens"],
    )


def _windows(sentences: Sequence[int], capacity: int) -> Iterator[int]:
    """Yield the tokens of windows that are filled with whole sentences; longer ones are cut without overlap."""
    filled = 0
    for tokens in sentences:
        if filled and filled + tokens > capacity:
            yield filled
            filled = 0
        filled += tokens
        while filled > capacity:
            yield capacity
            filled -= capacity
    if filled:
        yield filled
