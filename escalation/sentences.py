"""Giving sentences to labelled documents that lack some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from escalation.document import Document, Sentence, Span
from escalation.segmentation import split_sentences


def with_sentences(document: Document) -> Document:
    """Return a document whose text lies in sentences: what none covers is split into sentences without a stance.

    A sentence border that would cut a span is no border.
    """
    added = list(_missing_sentences(document))
    if not added:
        return document
    sentences = [*document.sentences, *added]
    return Document.build(document.text, sentences, document.spans, id=document.id, meta=document.meta)


def uncovered_text(text: str, sentences: Sequence[Sentence]) -> list[tuple[int, int]]:
    """Return the stretches of text between sentences, as start and end, that hold more than white space."""
    borders = [0, *(border for sentence in sentences for border in (sentence.start, sentence.end)), len(text)]
    gaps = zip(borders[::2], borders[1::2], strict=True)
    return [(start, end) for start, end in gaps if text[start:end].strip()]


def _missing_sentences(document: Document) -> Iterator[Sentence]:
    text = document.text
    for gap_start, gap_end in uncovered_text(text, document.sentences):
        found: list[tuple[int, int]] = []
        for start, end in split_sentences(text[gap_start:gap_end]):
            start, end = gap_start + start, gap_start + end
            if found and _is_bridged(document.spans, found[-1][1], start):
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        yield from (Sentence(start, end, text[start:end]) for start, end in found)


def _is_bridged(spans: Sequence[Span], left: int, right: int) -> bool:
    """Whether a span holds some of the text between two sentences."""
    return any(span.start < right and span.end > left for span in spans)
