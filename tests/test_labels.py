import pytest

from escalation.labels import LabelScheme


def test_a_row_of_scores_is_tags_then_weights_then_values() -> None:
    labels = LabelScheme(("WEAPON", "ACTOR"), ("escalation", "retaliation", "diplomacy"))
    assert labels.tags == ("O", "B-WEAPON", "I-WEAPON", "B-ACTOR", "I-ACTOR")
    columns = list(range(labels.score_count))
    assert columns[labels.tag_slice] + columns[labels.weight_slice] + columns[labels.value_slice] == columns
    assert len(columns[labels.weight_slice]) == len(columns[labels.value_slice]) == 3
    assert labels.tags[labels.begin_tag("ACTOR")] == "B-ACTOR"
    assert labels.stance_vector(["diplomacy"]) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(("entities", "stances"), [(("A", "A"), ()), (("",), ()), ((), ("x", "x"))])
def test_names_must_be_distinct(entities: tuple[str, ...], stances: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="named once"):
        LabelScheme(entities, stances)
