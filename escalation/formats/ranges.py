"""Documents as labelled ranges of characters, the common ground of the annotation tools.

A span is a range with its entity label. A sentence is a range with the name of its stance, or several ranges with the
same borders, the primary stance first; a sentence without a stance is a range labelled ``none``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from escalation.document import DOCUMENT_KEYS, NO_STANCE, Document, DocumentError, Sentence, Span
from escalation.formats.base import FormatError, Losses, Stances, count_predictions
from escalation.sentences import uncovered_text, with_sentences


class LabelledRange(NamedTuple):
    """A range of characters and its label."""

    start: int
    end: int
    label: str


def document_to_ranges(document: Document, stances: Stances, losses: Losses) -> list[LabelledRange]:
    """Return a document's sentences and spans as ranges.

    Args:
        document: The document.
        stances: The labels that are stances.
        losses: Gets what ranges cannot hold.

    Raises:
        FormatError: A label could not be told from a stance when read again.
    """
    count_predictions(document, losses)
    sentences = document.sentences
    uncovered = len(uncovered_text(document.text, sentences))
    if sentences:
        losses["stretches of text outside all sentences (read again as sentences)"] += uncovered
    else:
        losses["documents without sentences (read again with sentences)"] += uncovered
    losses["spans with white space at an edge (read again without)"] += sum(
        span.text != span.text.strip() for span in document.spans
    )
    for span in document.spans:
        if span.label in (*stances, NO_STANCE):
            raise FormatError(f"document {document.id!r}: {span.label!r} is the label of a span and of sentences")
    for stance in {stance for sentence in sentences for stance in sentence.stances}:
        if stance not in stances:
            raise FormatError(
                f"document {document.id!r} has the stance {stance!r}, which is not among {', '.join(stances)}; "
                "name all stances with --stances"
            )
    return [
        *(
            LabelledRange(sentence.start, sentence.end, stance)
            for sentence in sentences
            for stance in sentence.stances or (NO_STANCE,)
        ),
        *(LabelledRange(span.start, span.end, span.label) for span in document.spans),
    ]


def document_from_ranges(
    text: str,
    ranges: Iterable[LabelledRange],
    stances: Stances,
    *,
    id: str | None = None,  # noqa: A002 - the field's name in the one form
    meta: Mapping[str, Any] | None = None,
) -> Document:
    """Build a document from labelled ranges.

    Text that no sentence covers is split into sentences without a stance. Spans lose the white space at their edges,
    and those that come twice are read once.

    Args:
        text: The document's text.
        ranges: Its ranges; those of a sentence in the order of salience.
        stances: The labels that are stances.
        id: Name of the document.
        meta: Further fields to keep; those with names of the one form are left out.

    Raises:
        DocumentError: A label is no name, or ranges lie outside the text, or those of sentences or of spans overlap.
    """
    spans: dict[LabelledRange, Span] = {}
    held: dict[tuple[int, int], list[str]] = {}
    for start, end, label in ranges:
        if not isinstance(label, str) or not label:
            raise DocumentError(f"the label at {start}:{end} must be a name, not {label!r}")
        if not 0 <= start < end <= len(text):
            raise DocumentError(f"{label!r} at {start}:{end} is empty or outside the text of {len(text)} characters")
        if label in (*stances, NO_STANCE):
            named = held.setdefault((start, end), [])
            if label != NO_STANCE and label not in named:
                named.append(label)
        elif words := text[start:end].strip():
            start = text.index(words, start)
            end = start + len(words)
            spans[LabelledRange(start, end, label)] = Span(start, end, label, words)
    labelled = [Sentence(start, end, text[start:end], tuple(named)) for (start, end), named in sorted(held.items())]
    kept = {key: value for key, value in (meta or {}).items() if key not in DOCUMENT_KEYS}
    try:
        return with_sentences(Document.build(text, labelled, spans.values(), id=id, meta=kept))
    except DocumentError as error:
        raise DocumentError(
            f"{error}; labels are {', '.join(sorted({item.label for item in spans}))}: "
            "if stances of sentences are among them, name all stances with --stances"
        ) from None
