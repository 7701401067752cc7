import math
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings

import escalation
from escalation import Document, Predictor, Sentence
from tests.articles import labelled_articles
from tests.conftest import SHIPPED_NAMES
from tests.strategies import texts

TEXTS = [document.text for document in labelled_articles()] + ["", "A headline", "word " * 2_000]


def assert_same(first: Document, second: Document) -> None:
    """Scores may differ by a thousandth, and nothing else."""
    assert first.text == second.text
    assert [(s.start, s.end, s.label) for s in first.spans] == [(s.start, s.end, s.label) for s in second.spans]
    assert [s.stances for s in first.sentences] == [s.stances for s in second.sentences]
    for one, other in zip(first.sentences, second.sentences, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-3)


@pytest.mark.parametrize("model", SHIPPED_NAMES)
def test_articles_are_read(model: str) -> None:
    documents = escalation.load(model).predict(
        [
            "Berlin will send 18 Leopard 2 tanks to Ukraine.",
            "In response to the attack, Russia fired two ballistic missiles at Kyiv.",
            "Turkish mediators flew to Geneva for peace talks.",
            "The cathedral was built in the 19th century.",
        ]
    )
    stances = [sentence.stance for document in documents for sentence in document.sentences]
    assert stances == ["escalation", "retaliation", "diplomacy", "none"]
    spans = [[(span.label, span.text) for span in document.spans] for document in documents]
    assert spans[0] == [("ACTOR", "Berlin"), ("WEAPON", "Leopard 2 tanks"), ("ACTOR", "Ukraine")]
    assert ("WEAPON", "ballistic missiles") in spans[1]
    assert spans[3] == []
    for document in documents:
        [sentence] = document.sentences
        assert set(sentence.rationale) == set(sentence.stances)
        assert all(0 <= score <= 1 for score in sentence.scores.values())
        assert Document.from_dict(document.to_dict()) == document


@settings(max_examples=60)
@given(texts)
def test_nothing_is_dropped_from_any_text(predictor: Predictor, text: str) -> None:
    document = predictor.predict(text)
    assert document.text == text
    last_end = 0
    for sentence in document.sentences:
        assert last_end <= sentence.start < sentence.end
        assert text[sentence.start : sentence.end] == sentence.text
        last_end = sentence.end
    assert "".join("".join(s.text for s in document.sentences).split()) == "".join(text.split())
    last_end = 0
    for span in document.spans:
        assert last_end <= span.start < span.end
        assert text[span.start : span.end] == span.text == span.text.strip()
        last_end = span.end


def test_alone_or_among_others_in_any_order(predictor: Predictor) -> None:
    together = predictor.predict(TEXTS)
    backwards = predictor.predict(TEXTS[::-1])[::-1]
    for text, document, other in zip(TEXTS, together, backwards, strict=True):
        assert_same(document, other)
        assert_same(document, predictor.predict(text))


def test_threads_may_share_a_predictor(predictor: Predictor) -> None:
    expected = predictor.predict(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for document, other in zip(pool.map(predictor.predict, TEXTS * 3), expected * 3, strict=True):
            assert_same(document, other)


@pytest.mark.parametrize("blank", ["", " ", "\n\t\u2028", "\u3000"])
def test_blank_text_has_no_sentences(predictor: Predictor, blank: str) -> None:
    document = predictor.predict(blank)
    assert (document.text, document.sentences, document.spans) == (blank, (), ())


def test_no_texts_give_no_documents(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


@pytest.mark.parametrize("wrong", [None, math.nan, b"bytes", 5, {"text": "a"}])
def test_what_is_not_text_is_named_by_type_and_position(predictor: Predictor, wrong: Any) -> None:
    name = type(wrong).__name__
    with pytest.raises(TypeError, match=f"got {name}"):
        predictor.predict(wrong)
    with pytest.raises(TypeError, match=rf"texts\[2\] must be a str, not {name}"):
        predictor.predict(["a", "b", wrong, "c"])


def test_one_text_is_no_stream(predictor: Predictor) -> None:
    with pytest.raises(TypeError, match=r"got one; predict\(\) reads a single one"):
        predictor.stream("Rebels fired mortars.")
    with pytest.raises(TypeError, match="got NoneType"):
        predictor.stream(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("bounds", [[(0, 50)], [(-1, 3)], [(3, 3)], [(4, 7), (0, 4)], [(0, 5), (4, 7)]])
def test_documents_with_impossible_sentences_are_refused(predictor: Predictor, bounds: list[tuple[int, int]]) -> None:
    sentences = tuple(Sentence(start, end, "x") for start, end in bounds)
    with pytest.raises(ValueError, match=r"texts\[1\]: the sentence"):
        predictor.predict(["Rebels fled.", Document("A raid.", sentences), "Russia sent tanks."])
    with pytest.raises(TypeError, match=r"texts\[0\]: the document's text must be a str, not NoneType"):
        predictor.predict([Document(None)])  # type: ignore[arg-type]


def test_documents_before_a_bad_text_are_streamed(predictor: Predictor) -> None:
    documents = predictor.stream(["A raid.", None])  # type: ignore[list-item]
    assert next(documents).text == "A raid."
    with pytest.raises(TypeError, match=r"texts\[1\]"):
        next(documents)


def test_stream_takes_texts_a_few_at_a_time(predictor: Predictor) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "Rebels fired mortars. " * 100

    documents = predictor.stream(endless())
    assert next(documents).text == next(documents).text
    assert taken < 200
    empty = predictor.stream("" for _ in range(1_000_000))
    assert next(empty).sentences == ()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 50_000,
        "導" * 5_000,
        "missile " * 5_000,
        "a." * 20_000,
        "🚀" * 2_000,
        "\u0301" * 2_000,
        "-" * 5_000,
    ],
)
def test_text_without_sentences_is_read_whole(predictor: Predictor, text: str) -> None:
    document = predictor.predict(text)
    assert [(s.start, s.end) for s in document.sentences] == [(0, len(text.rstrip()))]


def test_memory_stays_far_below_that_of_all_scores_at_once(predictor: Predictor) -> None:
    text = "Rebels fired mortars at the port of Tavria. " * 4_000
    predictor.predict(text[:1_000])
    tracemalloc.start()
    document = predictor.predict(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(document.sentences) == 4_000
    assert peak < 200 * len(text)


def test_predicting_needs_neither_torch_nor_transformers() -> None:
    code = (
        "import escalation, sys; escalation.predict('Rebels fired mortars.');"
        "print([name for name in ('torch', 'transformers', 'datasets', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_documents_keep_their_name_and_sentences(predictor: Predictor) -> None:
    text = "Rebels fired mortars. Envoys met in Geneva for talks."
    whole = Document.build(text, [Sentence(0, len(text), text, ("retaliation",))], id="a", meta={"source": "us"})
    document = predictor.predict(whole)
    assert (document.id, document.meta) == ("a", {"source": "us"})
    assert [sentence.text for sentence in document.sentences] == [text]
    assert document.sentences[0].stances != ("retaliation",)
    assert [span.text for span in document.weapons] == ["mortars"]
    unsplit, plain = predictor.predict([Document(text), text])
    assert unsplit == plain
    assert len(plain.sentences) == 2
