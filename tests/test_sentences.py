from hypothesis import given

from escalation.document import Document, Sentence, Span
from escalation.sentences import uncovered_text, with_sentences
from tests.strategies import documents, tidy_documents


@given(tidy_documents() | documents())
def test_all_text_lies_in_sentences_and_labels_stay(document: Document) -> None:
    try:
        given_sentences = with_sentences(document)
    except ValueError:  # a span in white space beside the sentences
        assert any(span.text != span.text.strip() for span in document.spans)
        return
    assert not uncovered_text(document.text, given_sentences.sentences)
    assert given_sentences.spans == document.spans
    assert all(sentence in given_sentences.sentences for sentence in document.sentences)


def test_a_border_that_would_cut_a_span_is_none() -> None:
    text = "They met Gen. Smith. It rained."
    start = text.index("Gen. Smith. It")
    cut = Document.build(text, spans=[Span(start, start + 14, "ACTOR", text[start : start + 14])])
    assert [sentence.text for sentence in with_sentences(cut).sentences] == [text]
    assert len(with_sentences(Document.build(text)).sentences) == 2


def test_labelled_sentences_are_left_as_they_are() -> None:
    text = "Jets struck. It rained. Envoys met."
    document = Document.build(text, [Sentence(0, 12, text[:12], ("escalation",))])
    stances = [sentence.stances for sentence in with_sentences(document).sentences]
    assert stances == [("escalation",), (), ()]
