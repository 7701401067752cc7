from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig

from escalation.benchmarking.flops import FlopCount, count_flops
from escalation.configuration import EscalationConfig
from escalation.modeling import EscalationModel

SMALL: dict[str, Any] = {
    "encoder": {"model_type": "bert", "hidden_size": 4, "intermediate_size": 10, "num_hidden_layers": 3},
    "entity_labels": ["WEAPON", "ACTOR"],
    "stances": ["escalation", "retaliation", "diplomacy"],
    "window_tokens": 12,
}


def test_operations_are_those_counted_by_hand() -> None:
    layer = 4 * 4 * 4 + 2 * 4 * 10
    heads = 4 * 5 + 4 * 4 + 4 * 6
    assert count_flops(SMALL) == FlopCount(2 * (3 * layer + heads), 2 * 3 * 2 * 4, 12)


@pytest.mark.parametrize("kind", ["bert", "mpnet", "roberta"])
def test_operations_are_those_that_torch_counts(kind: str) -> None:
    encoder = AutoConfig.for_model(
        kind,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        vocab_size=50,
        max_position_embeddings=64,
    )
    config = EscalationConfig(encoder=encoder, window_tokens=48)
    count = count_flops(config.to_dict())
    assert count is not None
    model = EscalationModel(config).eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        model(torch.ones((1, 20), dtype=torch.int64))
    assert count.of([20], special_tokens=0) == counted.get_total_flops()


@pytest.mark.parametrize(
    ("sentences", "windows"),
    [([4, 4, 4], [8, 4]), ([10], [10]), ([11], [10, 1]), ([3, 25], [3, 10, 10, 5]), ([12, 5], [10, 7]), ([], [])],
)
def test_attention_reaches_as_far_as_a_window(sentences: list[int], windows: list[int]) -> None:
    count = FlopCount(per_token=100, per_pair=1, window_tokens=12)
    assert count.of(sentences) == 100 * sum(sentences) + sum(tokens**2 for tokens in windows)


def test_encoders_of_another_form_are_not_counted() -> None:
    assert count_flops(SMALL | {"encoder": {"model_type": "modernbert"}}) is None
