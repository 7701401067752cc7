"""Checking labelled documents before they train or score anything."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from escalation.corpus import json_problem
from escalation.document import Document, DocumentError, Sentence, Span, read_sentence, read_span
from escalation.labels import DEFAULT_ENTITY_LABELS, DEFAULT_STANCES, names_of
from escalation.sentences import uncovered_text

FEW = 20
"""Labels with fewer examples than this in a file are noted."""

_TELLING_LENGTH = 30
"""Sentences shorter than this, such as "Nobody was hurt.", may well come twice."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with labelled data, or worth knowing.

    Attributes:
        path: The file.
        message: What it is, and what to do.
        line: Line of the file, counted from 1, or None where it concerns the whole file.
        document: The document's id.
        is_error: False for a note, which keeps nobody from training.
    """

    path: str
    message: str
    line: int | None = None
    document: str | None = None
    is_error: bool = True

    def __str__(self) -> str:
        kind = "error" if self.is_error else "note"
        line = "" if self.line is None else f", line {self.line}"
        document = "" if self.document is None else f", document {self.document!r}"
        return f"{self.path}{line}{document}: {kind}: {self.message}"


@dataclass
class Validation:
    """What was found in some files.

    Attributes:
        problems: All problems, in the order of files and lines, those of whole files last.
        documents: How many documents were read.
        sentences: How many sentences they have.
        spans: How many spans they have.
    """

    problems: list[Problem] = field(default_factory=list)
    documents: int = 0
    sentences: int = 0
    spans: int = 0

    @property
    def errors(self) -> list[Problem]:
        """The problems that are errors."""
        return [problem for problem in self.problems if problem.is_error]


def validate(
    splits: Mapping[str, Iterable[str | os.PathLike[str]]] | Iterable[str | os.PathLike[str]],
    *,
    entity_labels: Sequence[str] | None = DEFAULT_ENTITY_LABELS,
    stances: Sequence[str] | None = DEFAULT_STANCES,
) -> Validation:
    """Check files of labelled documents, each by itself and against each other.

    Errors: lines that are not documents; offsets outside the text; overlaps; spans that begin or end in white space,
    cut a word or cross a sentence's border; unknown labels; empty documents; a split without any label; an id that
    comes twice; a text that is in two splits. Notes: text twice in a split, sentences shared by splits, text outside
    sentences, rare labels.

    Args:
        splits: Files by the name of their split, or files that are a split each.
        entity_labels: Labels that spans may have, or None for any.
        stances: Stances that sentences may have, or None for any.

    Raises:
        OSError: A file cannot be read.
    """
    if isinstance(splits, str | os.PathLike):
        splits = [splits]
    by_split = splits if isinstance(splits, Mapping) else {os.fspath(path): [path] for path in splits}
    result = Validation()
    check = _Check(result, names_of(entity_labels), names_of(stances))
    for split, paths in by_split.items():
        labels: Counter[str] = Counter()
        for path in paths:
            labels += check.read_file(Path(path), split)
        check.refuse_unlabelled([os.fspath(path) for path in paths], labels)
    return result


_Item = TypeVar("_Item", Sentence, Span)


@dataclass(frozen=True)
class _Place:
    path: str
    line: int
    document: str | None
    split: str


class _Check:
    """Reads files one after the other and remembers what must not come twice."""

    def __init__(self, result: Validation, entity_labels: Sequence[str] | None, stances: Sequence[str] | None) -> None:
        self.result = result
        self.entity_labels = entity_labels
        self.stances = stances
        self.places_of_ids: dict[str, _Place] = {}
        self.places_of_texts: dict[int, _Place] = {}
        self.splits_of_sentences: dict[int, str] = {}

    def read_file(self, path: Path, split: str) -> Counter[str]:
        """Check a file; return how often it uses each label."""
        labels: Counter[str] = Counter()
        shared: Counter[str] = Counter()
        documents = sentences = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                documents += 1
                record = self._parse(line, _Place(str(path), number, None, split))
                if record is None:
                    continue
                name = record.get("id")
                place = _Place(str(path), number, name if isinstance(name, str) else None, split)
                found = self._check_record(record, place)
                sentences += len(found.sentences)
                self.result.spans += len(found.spans)
                labels.update(span.label for span in found.spans)
                labels.update(stance for sentence in found.sentences for stance in sentence.stances)
                shared.update(self._splits_with_same_sentences(found.sentences, split))
        self.result.documents += documents
        self.result.sentences += sentences
        if not documents:
            self.result.problems.append(Problem(str(path), "holds no documents"))
        self._note_whole_file(str(path), labels, shared)
        return labels

    def refuse_unlabelled(self, paths: Sequence[str], labels: Counter[str]) -> None:
        if not labels and paths and not any(problem.path in paths for problem in self.result.errors):
            message = (
                "no span and no stance in all its documents; if an annotation tool wrote it, "
                f"convert it first: escalation convert {paths[0]} converted.jsonl"
            )
            self.result.problems.append(Problem(paths[0], message))

    def _note_whole_file(self, path: str, labels: Counter[str], shared: Counter[str]) -> None:
        for other, count in shared.items():
            message = (
                f"{count} of its sentences are in {other} too; scores on one will flatter a model trained on the other"
            )
            self.result.problems.append(Problem(path, message, is_error=False))
        for label, count in sorted(labels.items(), key=lambda item: item[1]):
            if count < FEW:
                message = (
                    f"only {count} of {label}; with fewer than {FEW}, expect a label to be learnt or measured badly"
                )
                self.result.problems.append(Problem(path, message, is_error=False))

    def _parse(self, line: bytes, place: _Place) -> dict[str, Any] | None:
        try:
            record = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            self._add(place, f"not UTF-8 at byte {error.start} of the line")
        except (ValueError, RecursionError) as error:
            self._add(place, f"not JSON: {json_problem(error)}")
        else:
            if isinstance(record, dict):
                return record
            self._add(place, f"a document must be a JSON object, not {type(record).__name__}")
        return None

    def _check_record(self, record: dict[str, Any], place: _Place) -> Document:
        """Check one document; return what of it is sound enough to count."""
        text = record.get("text")
        if not isinstance(text, str) or not text.strip():
            self._add(place, "'text' is missing or empty; a document needs a text")
            return Document("")
        self._check_repetition(text, place)
        sentences = self._read_items(record, "sentences", read_sentence, text, place)
        spans = self._read_items(record, "spans", read_span, text, place)
        self._check_labels(sentences, spans, place)
        for span in spans:
            self._check_edges(span, text, place)
        self._check_overlaps("span", [(span.start, span.end) for span in spans], place)
        if not self._check_overlaps("sentence", [(item.start, item.end) for item in sentences], place):
            self._check_sentences(text, sentences, spans, place)
        if record.get("id") is None:
            self._add(place, "no id; errors will name it by its line alone", is_error=False)
        elif place.document is None:
            self._add(place, f"'id' must be a string, not {type(record['id']).__name__}")
        return Document(text, tuple(sentences), tuple(spans))

    def _read_items(
        self, record: dict[str, Any], key: str, read: Callable[[Any, int, str], _Item], text: str, place: _Place
    ) -> list[_Item]:
        items = record.get(key)
        if items is not None and not isinstance(items, list):
            self._add(place, f"'{key}' must be a list, not {type(items).__name__}")
            return []
        found = []
        for index, item in enumerate(items or []):
            try:
                found.append(read(item, index, text))
            except DocumentError as error:
                self._add(place, str(error))
        return sorted(found, key=lambda item: item.start)

    def _check_repetition(self, text: str, place: _Place) -> None:
        if place.document is not None:
            first = self.places_of_ids.setdefault(place.document, place)
            if first is not place:
                self._add(place, f"its id comes twice; the first is in {first.path}, line {first.line}")
        first = self.places_of_texts.setdefault(hash(" ".join(text.casefold().split())), place)
        if first.split != place.split:
            self._add(
                place, f"the same text is in {first.path}, line {first.line}; keep it in one split, or scores lie"
            )
        elif first is not place:
            self._add(place, f"the same text is in {first.path}, line {first.line}", is_error=False)

    def _check_labels(self, sentences: Sequence[Sentence], spans: Sequence[Span], place: _Place) -> None:
        for kind, option, known, held in (
            (
                "label",
                "--entity-labels any, or entity_labels in a recipe",
                self.entity_labels,
                {span.label for span in spans},
            ),
            (
                "stance",
                "--stances any, or stances in a recipe",
                self.stances,
                {stance for sentence in sentences for stance in sentence.stances},
            ),
        ):
            for name in sorted(held - set(known)) if known is not None else ():
                known_ones = f"known are {', '.join(known)}" if known else "none is known"
                self._add(place, f"unknown {kind} {name!r}; {known_ones} (for labels of your own: {option})")

    def _check_edges(self, span: Span, text: str, place: _Place) -> None:
        where = f"span {span.start}:{span.end} ({span.text!r})"
        if span.text != span.text.strip():
            self._add(place, f"{where} begins or ends with white space; move its borders to the words")
        for edge in (span.start, span.end):
            if 0 < edge < len(text) and _is_spelt(text[edge - 1]) and _is_spelt(text[edge]):
                self._add(
                    place, f"{where} cuts through the word {_word_at(text, edge)!r}; move its border to the word's"
                )

    def _check_overlaps(self, kind: str, ranges: Sequence[tuple[int, int]], place: _Place) -> bool:
        """Report ranges that overlap; say whether there are any."""
        overlapping = [(before, after) for before, after in pairwise(ranges) if after[0] < before[1]]
        for before, after in overlapping:
            self._add(place, f"{kind} {after[0]}:{after[1]} overlaps {kind} {before[0]}:{before[1]}")
        return bool(overlapping)

    def _check_sentences(self, text: str, sentences: list[Sentence], spans: list[Span], place: _Place) -> None:
        if not sentences:
            self._add(place, "no sentences; they will be found in the text, and have no stances", is_error=False)
            return
        for span in spans:
            if not any(item.start <= span.start and span.end <= item.end for item in sentences):
                self._add(place, f"span {span.start}:{span.end} ({span.text!r}) does not lie inside one sentence")
        outside = uncovered_text(text, sentences)
        if outside:
            start, end = outside[0]
            self._add(place, f"text outside all sentences, first at {start}:{end}; it is not learnt", is_error=False)

    def _splits_with_same_sentences(self, sentences: Sequence[Sentence], split: str) -> Iterator[str]:
        for sentence in sentences:
            if len(sentence.text) >= _TELLING_LENGTH:
                first = self.splits_of_sentences.setdefault(hash(" ".join(sentence.text.casefold().split())), split)
                if first != split:
                    yield first

    def _add(self, place: _Place, message: str, *, is_error: bool = True) -> None:
        self.result.problems.append(Problem(place.path, message, place.line, place.document, is_error))


def _word_at(text: str, place: int) -> str:
    start = end = place
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return text[start:end]


def _is_spelt(character: str) -> bool:
    """Whether a character is of a script whose words stand between spaces (a letter with case), or a digit."""
    return character.isdigit() or character.isupper() or character.islower()
