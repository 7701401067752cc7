import json
from typing import Any

import pytest
from hypothesis import given

from escalation.document import Document, DocumentError, Sentence, Span
from tests.articles import labelled_articles
from tests.strategies import documents

BERLIN = {
    "id": "dev-003",
    "text": "Berlin will send 18 Leopard 2 tanks to Ukraine.\nMoscow said it would answer in kind.",
    "source": "ours",
    "sentences": [
        {"start": 0, "end": 47, "stances": ["escalation"]},
        {"start": 48, "end": 84, "stances": ["retaliation", "diplomacy"]},
    ],
    "spans": [
        {"start": 48, "end": 54, "label": "ACTOR"},
        {"start": 0, "end": 6, "label": "ACTOR"},
        {"start": 20, "end": 35, "label": "WEAPON"},
    ],
}


@given(documents())
def test_dict_round_trip(document: Document) -> None:
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


def test_views() -> None:
    document = Document.from_dict(BERLIN)
    assert [span.text for span in document.weapons] == ["Leopard 2 tanks"]
    assert [span.text for span in document.actors] == ["Berlin", "Moscow"]
    first, second = document.sentences
    assert first.text == "Berlin will send 18 Leopard 2 tanks to Ukraine."
    assert [span.text for span in first.spans] == ["Berlin", "Leopard 2 tanks"]
    assert (first.stance, second.stance) == ("escalation", "retaliation")
    assert second.stances == ("retaliation", "diplomacy")
    assert document.meta == {"source": "ours"}
    assert Sentence(0, 2, "Hm").stance == "none"


def test_reprs_are_short_and_say_what_matters() -> None:
    document = Document.from_dict(BERLIN)
    assert repr(document) == "Document('dev-003', 2 sentences, escalation 1, retaliation 1, ACTOR 2, WEAPON 1)"
    assert repr(document.weapons[0]) == "Span('Leopard 2 tanks', WEAPON)"
    assert repr(Span(0, 4, "ACTOR", "Nato", 0.987)) == "Span('Nato', ACTOR, 0.99)"
    assert repr(document.sentences[0]).endswith("escalation, 2 spans)")
    assert len(repr(Document("word " * 10_000))) < 100


def test_documents_are_values() -> None:
    assert labelled_articles() == labelled_articles()
    with pytest.raises(AttributeError):
        labelled_articles()[0].text = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": 5}, "'text'"),
        ({"id": 5}, "'id' must be a string"),
        ({"sentences": {}}, "'sentences' must be a list, not dict"),
        ({"sentences": [{"start": 0, "end": 47, "stances": ""}]}, "must be a list of strings"),
        ({"sentences": [{"start": 0, "end": 47, "scores": 0}]}, "must be JSON objects"),
        ({"sentences": [{"start": 0, "end": 47, "rationale": {"escalation": 3}}]}, "a list of words for each stance"),
        ({"sentences": "x"}, "'sentences' must be a list"),
        ({"sentences": [{"start": 0, "end": 999}]}, "sentence 0: 0:999 is empty or outside the text"),
        ({"sentences": [{"start": 0, "end": 47}, {"start": 40, "end": 50}]}, "sentence 40:50 overlaps"),
        ({"sentences": [{"start": 0, "end": 47, "stances": ["a", "a"]}]}, "names a stance twice"),
        ({"sentences": [{"start": 0, "end": 47, "stances": ["none", "a"]}]}, "holds 'none' beside others"),
        ({"sentences": [{"start": 0, "end": 47, "stances": "escalation"}]}, "must be a list of strings"),
        ({"spans": [{"start": 3, "end": 3, "label": "ACTOR"}]}, "span 0: 3:3 is empty"),
        ({"spans": [{"start": -3, "end": 3, "label": "ACTOR"}]}, "span 0: -3:3"),
        ({"spans": [{"start": True, "end": 3, "label": "ACTOR"}]}, "'start' must be a whole number"),
        ({"spans": [{"start": 0, "end": 3}]}, "span 0: 'label'"),
        ({"spans": [{"start": 0, "end": 3, "label": "ACTOR", "score": 2}]}, "between 0 and 1"),
        ({"spans": [{"start": 0, "end": 3, "label": "A"}, {"start": 2, "end": 5, "label": "B"}]}, "span 2:5 overlaps"),
        ({"spans": [{"start": 39, "end": 54, "label": "ACTOR"}]}, "does not lie inside one sentence"),
    ],
)
def test_broken_records_are_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        Document.from_dict(BERLIN | change)


@pytest.mark.parametrize("missing", [{}, {"sentences": None, "spans": None}])
def test_sentences_and_spans_may_be_left_out(missing: dict[str, Any]) -> None:
    assert Document.from_dict({"text": "Moscow"} | missing) == Document("Moscow")


def test_the_name_of_no_stance_is_no_stance() -> None:
    [sentence] = Document.from_dict(
        {"text": "It rained.", "sentences": [{"start": 0, "end": 10, "stances": ["none"]}]}
    ).sentences
    assert sentence.stances == ()
    assert sentence.stance == "none"


def test_build_checks_the_text_of_spans() -> None:
    with pytest.raises(DocumentError, match="the text there is different"):
        Document.build("Moscow", spans=[Span(0, 6, "ACTOR", "Berlin")])
