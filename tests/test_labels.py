import pytest

from escalation.document import Document, Sentence, Span
from escalation.labels import LabelScheme, labels_in
from tests.articles import labelled_articles


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


def test_the_labels_of_documents_come_in_the_usual_order() -> None:
    assert labels_in(labelled_articles()) == LabelScheme()
    assert labels_in([]) == LabelScheme((), ())
    spans = [Span(0, 1, "PLACE", "a"), Span(1, 2, "ACTOR", "b"), Span(2, 3, "AID", "c")]
    document = Document.build("abc", [Sentence(0, 3, "abc", ("talks", "diplomacy"))], spans)
    assert labels_in([document]) == LabelScheme(("ACTOR", "AID", "PLACE"), ("diplomacy", "talks"))
