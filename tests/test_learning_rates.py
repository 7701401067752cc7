import pytest
from torch import nn

from escalation.labels import LabelScheme
from escalation.learning_rates import parameter_groups
from escalation.starting_point import starting_point
from tests.test_starting_point import recipe


def test_lower_layers_learn_more_slowly_and_heads_at_their_own_rate() -> None:
    model, _ = starting_point(recipe("tiny"), LabelScheme())
    decayed = {"encoder.encoder.layer.0.output.dense.weight", "tag_head.weight"}
    groups = parameter_groups(
        model, decayed, learning_rate=1.0, head_learning_rate=5.0, layer_decay=0.5, weight_decay=0.01
    )
    settings = {
        id(parameter): (group["lr"], group["weight_decay"]) for group in groups for parameter in group["params"]
    }
    found = {name: settings[id(parameter)] for name, parameter in model.named_parameters()}
    assert len(settings) == len(found)
    assert found["encoder.encoder.layer.1.output.dense.weight"] == pytest.approx((1.0, 0.0))
    assert found["encoder.encoder.layer.0.output.dense.weight"] == pytest.approx((0.5, 0.01))
    assert found["encoder.embeddings.word_embeddings.weight"] == pytest.approx((0.25, 0.0))
    assert found["tag_head.weight"] == pytest.approx((5.0, 0.01))
    assert found["shape_embeddings.weight"] == pytest.approx((5.0, 0.0))


def test_encoders_without_known_layers_have_one_rate() -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(2, 2)})
    settings = {"learning_rate": 1.0, "head_learning_rate": 5.0, "weight_decay": 0.0}
    [group] = parameter_groups(model, set(), layer_decay=1.0, **settings)
    assert group["lr"] == 1.0
    with pytest.raises(ValueError, match="layer_decay"):
        parameter_groups(model, set(), layer_decay=0.9, **settings)
