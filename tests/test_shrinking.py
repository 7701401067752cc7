from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from escalation.labels import LabelScheme
from escalation.modeling import EscalationModel
from escalation.recipe import Recipe
from escalation.shrinking import prune_feed_forward, trim_vocabulary
from escalation.starting_point import starting_point

TEXTS = ["Rebels fired mortars at the port.", "Envoys met in Geneva."]
SIZE = 150


def settings_of(model: EscalationModel) -> Any:
    return model.config.encoder


@pytest.fixture
def model(encoder_folder: Path) -> EscalationModel:
    return EscalationModel.from_encoder(encoder_folder, window_tokens=48)


@pytest.fixture
def tokenizer_of_encoder(encoder_folder: Path) -> PreTrainedTokenizerFast:
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(encoder_folder)
    return tokenizer


def test_words_that_are_used_are_read_as_before(
    model: EscalationModel, tokenizer_of_encoder: PreTrainedTokenizerFast
) -> None:
    smaller, tokenizer = trim_vocabulary(model, tokenizer_of_encoder, TEXTS, SIZE)
    assert len(tokenizer) == settings_of(smaller).vocab_size == SIZE < len(tokenizer_of_encoder)
    assert (tokenizer.pad_token, tokenizer.cls_token) == (tokenizer_of_encoder.pad_token, "[CLS]")
    assert settings_of(smaller).pad_token_id == tokenizer.pad_token_id
    for text in TEXTS:
        assert tokenizer.tokenize(text) == tokenizer_of_encoder.tokenize(text)
        old, new = (torch.tensor([item(text).input_ids]) for item in (tokenizer_of_encoder, tokenizer))
        with torch.inference_mode():
            ours, theirs = (
                item.encoder.embeddings.word_embeddings(ids) for item, ids in ((model, old), (smaller, new))
            )
            assert torch.equal(ours, theirs)


def test_words_that_lose_their_token_are_read_in_pieces(
    model: EscalationModel, tokenizer_of_encoder: PreTrainedTokenizerFast
) -> None:
    _, tokenizer = trim_vocabulary(model, tokenizer_of_encoder, ["a"], 100)
    pieces = tokenizer.tokenize("mortars")
    assert len(pieces) > len(tokenizer_of_encoder.tokenize("mortars"))
    assert "".join(piece.removeprefix("##") for piece in pieces) == "mortars"


def test_vocabularies_that_cannot_be_are_refused(
    model: EscalationModel, tokenizer_of_encoder: PreTrainedTokenizerFast
) -> None:
    for size in (10, 10_000):
        with pytest.raises(ValueError, match="vocabulary_size: must be from"):
            trim_vocabulary(model, tokenizer_of_encoder, TEXTS, size)


def test_the_largest_neurons_stay(model: EscalationModel) -> None:
    state = model.state_dict()
    layer = "encoder.encoder.layer.1."
    with torch.no_grad():
        state[f"{layer}intermediate.dense.weight"][8:] = 0.0
    smaller = prune_feed_forward(model, 8)
    assert settings_of(smaller).intermediate_size == 8
    pruned = smaller.state_dict()
    assert torch.equal(pruned[f"{layer}intermediate.dense.weight"], state[f"{layer}intermediate.dense.weight"][:8])
    assert torch.equal(pruned[f"{layer}output.dense.weight"], state[f"{layer}output.dense.weight"][:, :8])
    assert torch.equal(pruned[f"{layer}attention.output.dense.weight"], state[f"{layer}attention.output.dense.weight"])
    with pytest.raises(ValueError, match="feed_forward_size: must be from 1 to 64"):
        prune_feed_forward(model, 65)


def test_recipes_prune(encoder_folder: Path) -> None:
    recipe = Recipe(name="x", encoder=str(encoder_folder), train=[], dev=[], output="x", window_tokens=48)
    model, _ = starting_point(replace(recipe, window_overlap=8, feed_forward_size=16), LabelScheme())
    assert settings_of(model).intermediate_size == 16
