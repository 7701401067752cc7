"""Documents, sentences and spans: plain values with character offsets into the text that the user gave."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

NO_STANCE = "none"

DOCUMENT_KEYS = frozenset({"id", "text", "sentences", "spans"})
"""Fields of the one form; all others are kept as ``meta``."""


class DocumentError(ValueError):
    """A document breaks a rule of the one form: offsets out of range, overlaps, wrong types."""


@dataclass(frozen=True, slots=True, repr=False)
class Span:
    """A labelled character range of a document: ``document.text[span.start:span.end] == span.text``.

    Attributes:
        start: First character, counted from 0 in the document's text.
        end: One past the last character.
        label: Entity label, such as ``WEAPON`` or ``ACTOR``.
        text: The characters themselves.
        score: Probability of the label between 0 and 1, or None where a person labelled.
    """

    start: int
    end: int
    label: str
    text: str
    score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the span in the one form (without its text, which the offsets give)."""
        record: dict[str, Any] = {"start": self.start, "end": self.end, "label": self.label}
        if self.score is not None:
            record["score"] = self.score
        return record

    def __repr__(self) -> str:
        score = "" if self.score is None else f", {self.score:.2f}"
        return f"Span({self.text!r}, {self.label}{score})"


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its share of the vote for a stance, between 0 and 1."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True, repr=False)
class Sentence:
    """A sentence of a document, with the stances that it reports and the spans that lie in it.

    Attributes:
        start: First character, counted from 0 in the document's text.
        end: One past the last character.
        text: The characters themselves.
        stances: Stances that hold, most salient (gold) or most probable (predicted) first.
        spans: Spans inside the sentence, in text order; offsets are into the document's text.
        scores: Probability of each stance, empty where a person labelled.
        rationale: For each stance that holds, the words that carried the vote, strongest first.
    """

    start: int
    end: int
    text: str
    stances: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    rationale: Mapping[str, tuple[Word, ...]] = field(default_factory=dict)

    @property
    def stance(self) -> str:
        """The primary stance, or ``"none"``."""
        return self.stances[0] if self.stances else NO_STANCE

    def to_dict(self) -> dict[str, Any]:
        """Return the sentence in the one form (without its text and spans, which the document holds)."""
        record: dict[str, Any] = {"start": self.start, "end": self.end, "stances": list(self.stances)}
        if self.scores:
            record["scores"] = dict(self.scores)
        if self.rationale:
            record["rationale"] = {
                stance: [{"start": word.start, "end": word.end, "score": word.score} for word in words]
                for stance, words in self.rationale.items()
            }
        return record

    def __repr__(self) -> str:
        stances = ", ".join(
            f"{stance} {self.scores[stance]:.2f}" if stance in self.scores else stance
            for stance in self.stances or (NO_STANCE,)
        )
        return f"Sentence({_shorten(self.text, 60)!r}, {stances}, {_count(len(self.spans), 'span')})"


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """An article: its text, its sentences in order, and its spans in order, none of them overlapping.

    Build one with :meth:`build` or :meth:`from_dict`, which check the offsets.

    Attributes:
        text: The text exactly as the user gave it.
        sentences: Sentences in text order.
        spans: All spans in text order.
        id: Name of the document, or None.
        meta: Further fields of the JSON record, kept as they were.
    """

    text: str
    sentences: tuple[Sentence, ...] = ()
    spans: tuple[Span, ...] = ()
    id: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weapons(self) -> tuple[Span, ...]:
        """Spans labelled ``WEAPON``."""
        return self.labelled("WEAPON")

    @property
    def actors(self) -> tuple[Span, ...]:
        """Spans labelled ``ACTOR``."""
        return self.labelled("ACTOR")

    def labelled(self, label: str) -> tuple[Span, ...]:
        """Return the spans that carry ``label``."""
        return tuple(span for span in self.spans if span.label == label)

    @classmethod
    def build(
        cls,
        text: str,
        sentences: Iterable[Sentence] = (),
        spans: Iterable[Span] = (),
        *,
        id: str | None = None,  # noqa: A002 - the field's name in the one form
        meta: Mapping[str, Any] | None = None,
    ) -> Document:
        """Check sentences and spans, put them in order and give each sentence the spans inside it.

        Args:
            text: The document's text.
            sentences: Sentences without spans, in any order.
            spans: Spans, in any order.
            id: Name of the document.
            meta: Further fields to keep.

        Raises:
            DocumentError: Offsets out of range, overlaps, or a span that crosses a sentence's border.
        """
        ordered = sorted(sentences, key=lambda sentence: sentence.start)
        spans = sorted(spans, key=lambda span: span.start)
        _check_ranges("sentence", ordered, text)
        _check_ranges("span", spans, text)
        inside = _spans_by_sentence(ordered, spans)
        return cls(
            text,
            tuple(replace(sentence, spans=tuple(inside[index])) for index, sentence in enumerate(ordered)),
            tuple(spans),
            id,
            meta or {},
        )

    @classmethod
    def of_sentences(
        cls,
        text: str,
        sentences: Iterable[Sentence],
        *,
        id: str | None = None,  # noqa: A002 - the field's name in the one form
        meta: Mapping[str, Any] | None = None,
    ) -> Document:
        """Put sentences in order, which hold their spans already, together; their offsets are taken at their word.

        Args:
            text: The document's text.
            sentences: Sentences in text order, with their spans.
            id: Name of the document.
            meta: Further fields to keep.
        """
        sentences = tuple(sentences)
        return cls(text, sentences, tuple(span for sentence in sentences for span in sentence.spans), id, meta or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the document in the one form, ready for JSON."""
        record: dict[str, Any] = {} if self.id is None else {"id": self.id}
        record |= {key: value for key, value in self.meta.items() if key not in DOCUMENT_KEYS}
        record["text"] = self.text
        record["sentences"] = [sentence.to_dict() for sentence in self.sentences]
        record["spans"] = [span.to_dict() for span in self.spans]
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Document:
        """Read a document from the one form.

        Args:
            record: Mapping with ``text`` and, optionally, ``id``, ``sentences``, ``spans`` and further fields.

        Raises:
            DocumentError: The record breaks the form; the message names the sentence or span.
        """
        if not isinstance(record, Mapping):
            raise DocumentError(f"a document must be a JSON object, not {type(record).__name__}")
        text = record.get("text")
        if not isinstance(text, str):
            raise DocumentError("a document needs a 'text' field that holds a string")
        name = record.get("id")
        if name is not None and not isinstance(name, str):
            raise DocumentError(f"'id' must be a string, not {type(name).__name__}")
        return cls.build(
            text,
            [read_sentence(item, index, text) for index, item in _items(record, "sentences")],
            [read_span(item, index, text) for index, item in _items(record, "spans")],
            id=name,
            meta={key: value for key, value in record.items() if key not in DOCUMENT_KEYS},
        )

    def __repr__(self) -> str:
        name = _shorten(self.text, 40) if self.id is None else self.id
        stances = Counter(sentence.stance for sentence in self.sentences)
        labels = Counter(span.label for span in self.spans)
        parts = [_count(len(self.sentences), "sentence")]
        parts += [f"{stance} {count}" for stance, count in stances.most_common() if stance != NO_STANCE]
        parts += [f"{label} {count}" for label, count in labels.most_common()]
        return f"Document({name!r}, {', '.join(parts)})"


def _shorten(text: str, width: int) -> str:
    flat = " ".join(text[: 4 * width].split())
    return flat if len(flat) <= width else flat[: width - 1].rstrip() + "…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _check_ranges(kind: str, ranges: Sequence[Sentence] | Sequence[Span], text: str) -> None:
    last_end = 0
    for item in ranges:
        where = f"{kind} {item.start}:{item.end}"
        if not 0 <= item.start < item.end <= len(text):
            raise DocumentError(f"{where} is empty or outside the text, which has {len(text)} characters")
        if text[item.start : item.end] != item.text:
            raise DocumentError(f"{where} says {_shorten(item.text, 40)!r}, but the text there is different")
        if item.start < last_end:
            raise DocumentError(f"{where} overlaps the {kind} before it, which ends at {last_end}")
        last_end = item.end


def _spans_by_sentence(sentences: Sequence[Sentence], spans: Sequence[Span]) -> list[list[Span]]:
    starts = [sentence.start for sentence in sentences]
    inside: list[list[Span]] = [[] for _ in sentences]
    if not sentences:
        return inside
    for span in spans:
        index = bisect_right(starts, span.start) - 1
        if index < 0 or span.end > sentences[index].end:
            raise DocumentError(
                f"span {span.start}:{span.end} ({span.text!r}) does not lie inside one sentence; "
                "move its borders or the sentence's"
            )
        inside[index].append(span)
    return inside


def _items(record: Mapping[str, Any], key: str) -> Iterable[tuple[int, Any]]:
    items = record.get(key)
    if items is not None and not isinstance(items, list):
        raise DocumentError(f"'{key}' must be a list, not {type(items).__name__}")
    return enumerate(items or [])


def _given(item: Mapping[str, Any], key: str, default: Any) -> Any:
    """Return a field, or the default where it is left out or null."""
    value = item.get(key)
    return default if value is None else value


def _read_range(item: Any, where: str, text: str) -> tuple[int, int]:
    if not isinstance(item, Mapping):
        raise DocumentError(f"{where} must be a JSON object, not {type(item).__name__}")
    start, end = item.get("start"), item.get("end")
    for name, value in (("start", start), ("end", end)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise DocumentError(f"{where}: '{name}' must be a whole number, not {value!r}")
    assert isinstance(start, int)
    assert isinstance(end, int)
    if not 0 <= start < end <= len(text):
        raise DocumentError(f"{where}: {start}:{end} is empty or outside the text, which has {len(text)} characters")
    return start, end


def read_span(item: Any, index: int, text: str) -> Span:
    """Read one entry of ``spans``.

    Args:
        item: The entry.
        index: Its place in the list, for the error's message.
        text: The document's text.

    Raises:
        DocumentError: The entry breaks the form.
    """
    where = f"span {index}"
    start, end = _read_range(item, where, text)
    label = item.get("label")
    if not isinstance(label, str) or not label:
        raise DocumentError(f"{where}: 'label' must be a string, not {label!r}")
    return Span(start, end, label, text[start:end], _read_score(item.get("score"), where))


def read_sentence(item: Any, index: int, text: str) -> Sentence:
    """Read one entry of ``sentences``; see :func:`read_span`."""
    where = f"sentence {index}"
    start, end = _read_range(item, where, text)
    stances = _given(item, "stances", [])
    if not isinstance(stances, list) or not all(isinstance(stance, str) for stance in stances):
        raise DocumentError(f"{where}: 'stances' must be a list of strings, not {stances!r}")
    if NO_STANCE in stances:
        if len(stances) > 1:
            raise DocumentError(f"{where}: 'stances' holds {NO_STANCE!r} beside others: {stances!r}")
        stances = []
    if len(set(stances)) < len(stances):
        raise DocumentError(f"{where}: 'stances' names a stance twice: {stances!r}")
    scores, rationale = _given(item, "scores", {}), _given(item, "rationale", {})
    if not isinstance(scores, Mapping) or not isinstance(rationale, Mapping):
        raise DocumentError(f"{where}: 'scores' and 'rationale' must be JSON objects")
    if not all(isinstance(words, list) for words in rationale.values()):
        raise DocumentError(f"{where}: 'rationale' must hold a list of words for each stance")
    return Sentence(
        start,
        end,
        text[start:end],
        tuple(stances),
        scores={stance: _read_score(score, where) or 0.0 for stance, score in scores.items()},
        rationale={
            stance: tuple(_read_word(word, where, text) for word in words) for stance, words in rationale.items()
        },
    )


def _read_word(item: Any, where: str, text: str) -> Word:
    start, end = _read_range(item, f"{where}, rationale", text)
    return Word(start, end, _read_score(item.get("score"), where) or 0.0)


def _read_score(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0.0 <= value <= 1.0:
        raise DocumentError(f"{where}: a score must be a number between 0 and 1, not {value!r}")
    return float(value)
