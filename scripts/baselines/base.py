"""What the baselines share: words, tags, and documents made from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from escalation.document import Document, Sentence, Span
from escalation.segmentation import split_sentences

WORD = re.compile(r"\w+|[^\w\s]")

Bounds = tuple[int, int]


class SpanTagger(Protocol):
    """Finds the spans of one sentence."""

    def __call__(self, sentence: str) -> list[tuple[int, int, str]]:
        """Return start and end in the sentence, and label, of each span."""
        ...


class StanceClassifier(Protocol):
    """Finds the stances of one sentence."""

    def __call__(self, sentence: str) -> list[str]:
        """Return the stances that hold, the most probable one first."""
        ...


def read(text: str, tagger: SpanTagger | None, classifier: StanceClassifier | None) -> Document:
    """Read a text sentence by sentence, as single-sentence models do."""
    sentences, spans = [], []
    for start, end in split_sentences(text):
        sentence = text[start:end]
        stances = classifier(sentence) if classifier else []
        sentences.append(Sentence(start, end, sentence, tuple(stances)))
        spans += [
            Span(start + first, start + last, label, sentence[first:last])
            for first, last, label in (tagger(sentence) if tagger else [])
        ]
    return Document.build(text, sentences, spans)


def words(sentence: str) -> list[Bounds]:
    """Return start and end of each word and mark."""
    return [match.span() for match in WORD.finditer(sentence)]


def word_tags(sentence: Sentence) -> list[str]:
    """Return the BIO tag of each word of a labelled sentence."""
    tags = []
    for start, end in words(sentence.text):
        start, end = start + sentence.start, end + sentence.start
        span = next((span for span in sentence.spans if span.start < end and start < span.end), None)
        tags.append("O" if span is None else f"{'B' if start <= span.start else 'I'}-{span.label}")
    return tags


def tagged_spans(bounds: Sequence[Bounds], tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return the spans that BIO tags of words stand for; an ``I-`` on its own begins one."""
    spans: list[tuple[int, int, str]] = []
    before = "O"
    for (start, end), tag in zip(bounds, tags, strict=True):
        label = tag[2:]
        if tag.startswith("I-") and before[2:] == label:
            spans[-1] = (spans[-1][0], end, label)
        elif tag != "O":
            spans.append((start, end, label))
        before = tag
    return spans
