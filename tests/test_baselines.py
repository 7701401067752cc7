from hypothesis import given

from escalation.document import Document
from scripts.baselines.base import read, tagged_spans, word_tags, words
from tests.articles import labelled_articles
from tests.strategies import documents


@given(documents())
def test_tags_are_of_words_and_give_the_spans_that_words_can_carry(document: Document) -> None:
    for sentence in document.sentences:
        bounds = words(sentence.text)
        tags = word_tags(sentence)
        assert len(bounds) == len(tags)
        expected = [
            (span.start - sentence.start, span.end - sentence.start, span.label)
            for span in sentence.spans
            if {span.start - sentence.start} <= {start for start, _ in bounds}
            and {span.end - sentence.start} <= {end for _, end in bounds}
        ]
        assert set(expected) <= set(tagged_spans(bounds, tags))


def test_a_stray_continuation_begins_a_span() -> None:
    assert tagged_spans([(0, 1), (2, 3), (4, 5)], ["I-ACTOR", "I-ACTOR", "I-WEAPON"]) == [
        (0, 3, "ACTOR"),
        (4, 5, "WEAPON"),
    ]


def test_readers_of_sentences_make_documents() -> None:
    text = labelled_articles()[0].text
    document = read(text, lambda sentence: [(0, len(sentence), "ACTOR")], lambda sentence: ["diplomacy"])
    assert document.text == text
    assert all(sentence.stances == ("diplomacy",) for sentence in document.sentences)
    assert [span.text for span in document.spans] == [sentence.text for sentence in document.sentences]
