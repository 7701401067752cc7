from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from escalation.labels import LabelScheme
from escalation.model_folder import SHIPPED, ModelFolder
from escalation.recipe import Recipe
from escalation.starting_point import is_trained_model, starting_point
from escalation.torch_runtime import TorchRuntime

SHIPPED_LABELS = LabelScheme()


def recipe(encoder: str) -> Recipe:
    return Recipe(name="x", encoder=encoder, train=[], dev=[], output="x", window_tokens=64, window_overlap=8)


def test_the_shipped_model_with_its_own_labels_starts_as_it_is() -> None:
    shipped = TorchRuntime.load(ModelFolder.open("small"), "cpu").model
    model, _ = starting_point(recipe("small"), SHIPPED_LABELS)
    expected = shipped.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    assert model.config.window_tokens == 64


def test_shared_labels_keep_their_heads_and_others_are_new() -> None:
    shipped = TorchRuntime.load(ModelFolder.open("small"), "cpu").model
    labels = LabelScheme(("PLACE", "ACTOR"), ("diplomacy", "aid"))
    model, tokenizer = starting_point(recipe("small"), labels)
    for theirs, ours in ((0, 0), (3, 3), (4, 4)):  # O, B-ACTOR, I-ACTOR
        assert torch.equal(shipped.tag_head.weight[theirs], model.tag_head.weight[ours])
    assert not torch.equal(shipped.tag_head.weight[1], model.tag_head.weight[1])
    old, new = shipped.stance_head[-1], model.stance_head[-1]
    assert isinstance(old, nn.Linear)
    assert isinstance(new, nn.Linear)
    assert torch.equal(old.weight[2], new.weight[0])  # the weight of diplomacy
    assert torch.equal(old.weight[5], new.weight[2])  # its value
    assert torch.equal(old.bias[5], new.bias[2])
    assert torch.equal(shipped.state_dict()["stance_head.0.weight"], model.state_dict()["stance_head.0.weight"])
    assert new.weight.shape == (4, 384)
    assert tokenizer.is_fast


def test_the_encoder_can_be_named_for_the_card() -> None:
    for name, expected in ((None, "sentence-transformers/all-MiniLM-L6-v2"), ("owner/encoder", "owner/encoder")):
        model, _ = starting_point(replace(recipe("small"), base_model=name), SHIPPED_LABELS)
        assert model.config.to_dict()["encoder"]["_name_or_path"] == expected


def test_models_without_spans_or_without_stances_start_too() -> None:
    for labels in (LabelScheme((), ("diplomacy",)), LabelScheme(("ACTOR",), ())):
        model, _ = starting_point(recipe("small"), labels)
        ids = torch.ones((1, 4), dtype=torch.int64)
        assert model(input_ids=ids, attention_mask=ids, shapes=ids).scores.shape == (1, 4, labels.score_count)


def test_layers_and_settings_of_the_encoder_can_be_chosen(encoder_folder: Path) -> None:
    whole, _ = starting_point(recipe(str(encoder_folder)), SHIPPED_LABELS)
    settings = {"hidden_dropout_prob": 0.0}
    chosen = replace(recipe(str(encoder_folder)), encoder_layers=[1], encoder_settings=settings)
    model, _ = starting_point(chosen, SHIPPED_LABELS)
    expected = whole.encoder.state_dict()
    for name, value in model.encoder.state_dict().items():
        assert torch.equal(value, expected[name.replace("layer.0.", "layer.1.")])
    assert model.config.to_dict()["encoder"]["num_hidden_layers"] == 1
    assert model.encoder.encoder.layer[0].output.dropout.p == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder_layers": [0, 2]}, "encoder_layers: .* 0 to 1"),
        ({"encoder_layers": []}, "encoder_layers"),
        ({"encoder_settings": {"dropuot": 0.0}}, "bert encoders have no setting 'dropuot'"),
        ({"encoder_settings": {"intermediate_size": 48}}, "do not fit the encoder's weights"),
    ],
)
def test_layers_and_settings_that_are_not_there_are_refused(
    encoder_folder: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        starting_point(replace(recipe(str(encoder_folder)), **change), SHIPPED_LABELS)


def test_word_shapes_come_with_new_models_and_stay_with_old_ones(encoder_folder: Path, tmp_path: Path) -> None:
    fresh, tokenizer = starting_point(recipe(str(encoder_folder)), SHIPPED_LABELS)
    assert not fresh.shape_embeddings.weight.any()
    torch.nn.init.normal_(fresh.shape_embeddings.weight)
    fresh.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    gone_on, _ = starting_point(recipe(str(tmp_path)), SHIPPED_LABELS)
    assert torch.equal(gone_on.shape_embeddings.weight, fresh.shape_embeddings.weight)
    without, _ = starting_point(replace(recipe(str(tmp_path)), word_shapes=False), SHIPPED_LABELS)
    assert not hasattr(without, "shape_embeddings")


def test_an_encoder_gets_fresh_heads(encoder_folder: Path) -> None:
    model, _ = starting_point(recipe(str(encoder_folder)), SHIPPED_LABELS)
    assert model.tag_head.in_features == 32


def test_what_is_a_trained_model(encoder_folder: Path) -> None:
    assert is_trained_model("small")
    assert is_trained_model(str(SHIPPED / "small"))
    assert not is_trained_model(str(encoder_folder))


def test_a_missing_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        starting_point(replace(recipe("x"), encoder=str(tmp_path / "nowhere")), SHIPPED_LABELS)


def test_only_trained_models_of_one_kind_are_averaged(encoder_folder: Path) -> None:
    bare = replace(recipe(str(encoder_folder)), average_with=["small"])
    with pytest.raises(ValueError, match="is no trained model"):
        starting_point(bare, SHIPPED_LABELS)
    with pytest.raises(ValueError, match="average_with: tiny has"):
        starting_point(replace(recipe("small"), average_with=["tiny"]), SHIPPED_LABELS)
