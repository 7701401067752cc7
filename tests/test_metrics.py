from typing import Any

import pytest

from escalation.document import Document, Sentence, Span
from escalation.metrics import align_sentences, score_documents, selection_score

LABELS: dict[str, Any] = {"entity_labels": ["WEAPON", "ACTOR"], "stances": ["escalation", "retaliation", "diplomacy"]}
TEXT = "Rebels fired mortars. Talks began."


def document(stances: list[list[str]], spans: list[tuple[int, int, str]]) -> Document:
    bounds = [(0, 21), (22, 34)]
    sentences = [Sentence(a, b, TEXT[a:b], tuple(held)) for (a, b), held in zip(bounds, stances, strict=True)]
    return Document.build(TEXT, sentences, [Span(a, b, label, TEXT[a:b]) for a, b, label in spans])


GOLD = document([["escalation"], ["diplomacy"]], [(0, 6, "ACTOR"), (13, 20, "WEAPON")])


def test_perfect_predictions_score_one() -> None:
    scores = score_documents([GOLD], [GOLD], **LABELS)
    assert scores["spans"]["micro"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}
    assert scores["stances"]["escalation"]["f1"] == scores["stances"]["primary_accuracy"] == 1.0
    assert scores["stances"]["retaliation"]["support"] == 0
    assert scores["stances"]["macro_f1"] == 1.0  # of the stances that the documents have
    assert selection_score(scores) == 1.0
    assert (scores["documents"], scores["sentences"]) == (1, 2)


def test_borders_and_labels_must_match_exactly() -> None:
    predicted = document([["escalation"], []], [(0, 6, "ACTOR"), (12, 20, "WEAPON"), (22, 27, "ACTOR")])
    scores = score_documents([GOLD], [predicted], **LABELS)["spans"]
    assert scores["ACTOR"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert scores["WEAPON"]["f1"] == 0.0
    assert scores["micro"]["precision"] == pytest.approx(1 / 3)


def test_primary_stance_is_the_first() -> None:
    predicted = document([["retaliation", "escalation"], ["diplomacy"]], [])
    scores = score_documents([GOLD], [predicted], **LABELS)["stances"]
    assert scores["primary_accuracy"] == 0.5
    assert scores["escalation"]["f1"] == 1.0


def test_gold_sentences_take_the_stances_of_what_overlaps_them_most() -> None:
    gold = [Sentence(0, 10, ""), Sentence(11, 20, ""), Sentence(30, 40, "")]
    predicted = [Sentence(0, 4, ""), Sentence(4, 14, ""), Sentence(15, 20, "")]
    assert align_sentences(gold, predicted) == [predicted[1], predicted[2], None]
    assert align_sentences(gold, []) == [None] * 3


@pytest.mark.parametrize("empty", [{"gold": [], "predicted": []}])
def test_nothing_to_score_scores_nothing(empty: dict[str, Any]) -> None:
    scores = score_documents(**empty, **LABELS)
    assert scores["spans"]["micro"]["f1"] == 0.0
    assert scores["stances"]["primary_accuracy"] == 0.0


def test_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="another text"):
        score_documents([GOLD], [Document("Something else")], **LABELS)
