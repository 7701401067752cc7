import io

from escalation.display import console_for, render_document
from escalation.document import Document, Sentence, Span


def rendered(document: Document, *, brackets: bool) -> str:
    file = io.StringIO()
    console_for(file).print(render_document(document, brackets=brackets))
    return file.getvalue()


def test_spans_are_marked_and_counted() -> None:
    text = "Kyiv fired missiles at Kyiv [sic]."
    spans = [Span(0, 4, "ACTOR", "Kyiv"), Span(11, 19, "WEAPON", "missiles"), Span(23, 27, "ACTOR", "Kyiv")]
    sentence = Sentence(0, len(text), text, ("escalation",), scores={"escalation": 0.914})
    output = rendered(Document.build(text, [sentence], spans, id="a.txt"), brackets=True)
    assert "a.txt" in output
    assert "escalation 0.91 [ACTOR Kyiv] fired [WEAPON missiles] at [ACTOR Kyiv] [sic]." in output
    assert "ACTOR Kyiv (2)" in output


def test_text_cannot_steer_the_terminal() -> None:
    text = "red \x1b[31m alert \u202e gnorw"
    output = rendered(Document.build(text, [Sentence(0, len(text), text)]), brackets=False)
    assert "\x1b" not in output
    assert "\u202e" not in output
    assert "none" in output
