"""CoNLL columns: a line a token with its tag in the last column, an empty line between sentences.

Written in the manner of CoNLL-U, with comments that keep what the columns cannot: ``# newdoc id = NAME``,
``# meta = JSON``, ``# text = SENTENCE``, ``# stances = escalation, diplomacy`` and ``# gap = JSON`` (what stands before
the sentence, where it is not one line feed). Read from any file of columns, with or without the comments; tags may be
BIO, IOB1, BIOES or BILOU, and ``-DOCSTART-`` lines begin a document.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from escalation.corpus import replace_when_done
from escalation.document import Document, DocumentError, Sentence, Span
from escalation.formats.base import (
    ConversionWarning,
    Format,
    FormatError,
    Losses,
    Stances,
    count_predictions,
    first_line,
    replace_surrogates,
)
from escalation.sentences import with_sentences

_TOKEN = re.compile(r"\w+|[^\w\s]")
_LINE_BREAK = re.compile(r"[\r\n]")
_TAG = re.compile(r"O|([BIESLU])-(.+)")
_COMMENT = re.compile(r"# (newdoc|newdoc id|newpar|meta|gap|text|stances|sent_id)(?: = ?(.*))?")
_NOT_IN_TAGS = re.compile(r"[\t\r\n]|\s\Z")
_NOT_IN_STANCES = re.compile(r"[,\r\n]|\A\s|\s\Z")
_DOCUMENT_START = "-DOCSTART-"
_USUAL_GAP = "\n"


def write_conll(documents: Iterable[Document], path: Path, stances: Stances) -> Losses:
    """Write documents as columns of tokens and BIO tags."""
    losses = Losses()
    with replace_when_done(path) as file:
        for document in documents:
            count_predictions(document, losses)
            for line in _document_lines(document, losses):
                file.write(line + "\n")
    return losses


def _document_lines(document: Document, losses: Losses) -> Iterator[str]:
    text = replace_surrogates(document.text, losses)
    if _LINE_BREAK.search(document.id or ""):
        raise FormatError(f"document {document.id!r}: a name with a line break does not fit into a comment")
    yield "# newdoc" if document.id is None else f"# newdoc id = {replace_surrogates(document.id, losses)}"
    for label in {span.label for span in document.spans}:
        _refuse(label, _NOT_IN_TAGS, document)
    for stance in {stance for sentence in document.sentences for stance in sentence.stances}:
        _refuse(stance, _NOT_IN_STANCES, document)
    if document.meta:
        yield f"# meta = {json.dumps(dict(document.meta))}"
    if not document.sentences and text.strip():
        losses["documents without sentences (given sentences)"] += 1
        document = with_sentences(document)
    end, usual = 0, ""
    for sentence in document.sentences:
        gap = text[end : sentence.start]
        losses["stretches of text outside all sentences (left out)"] += bool(gap.strip())
        if gap != usual and not gap.strip():
            yield f"# gap = {json.dumps(gap)}"
        yield from _sentence_lines(sentence, text[sentence.start : sentence.end], losses)
        end, usual = sentence.end, _USUAL_GAP
    losses["stretches of text outside all sentences (left out)"] += bool(text[end:].strip())
    losses["white space at the end of documents (left out)"] += text[end:].isspace()


def _refuse(label: str, marks: re.Pattern[str], document: Document) -> None:
    if marks.search(label):
        raise FormatError(
            f"document {document.id!r}: the label {label!r} has marks that columns cannot hold; rename it"
        )


def _sentence_lines(sentence: Sentence, text: str, losses: Losses) -> Iterator[str]:
    flat, breaks = _LINE_BREAK.subn(" ", text)
    losses["line breaks inside sentences (read again as spaces)"] += breaks
    losses["spans with white space at an edge (read again without)"] += sum(
        span.text != span.text.strip() for span in sentence.spans
    )
    yield f"# text = {flat}"
    yield f"# stances = {', '.join(sentence.stances)}".rstrip()
    borders = sorted({edge - sentence.start for span in sentence.spans for edge in (span.start, span.end)})
    begun: Span | None = None
    for start, end in _tokens(flat, borders):
        place = sentence.start + start
        span = next((span for span in sentence.spans if span.start <= place < span.end), None)
        tag = "O" if span is None else f"{'I' if span is begun else 'B'}-{span.label}"
        begun = span
        yield f"{flat[start:end]}\t{tag}"
    yield ""


def _tokens(text: str, borders: list[int]) -> Iterator[tuple[int, int]]:
    """Cut a text into words and marks, and at the borders too."""
    for match in _TOKEN.finditer(text):
        cuts = [match.start(), *(border for border in borders if match.start() < border < match.end()), match.end()]
        yield from pairwise(cuts)


@dataclass
class _SentenceRows:
    """The lines of one sentence."""

    line: int
    comments: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def read_conll(path: Path, stances: Stances) -> Iterator[Document]:
    """Read documents from a file of columns; a damaged line is named in a warning and left out.

    A file without any sign of documents is one document, named after the file.
    """
    held: list[_SentenceRows] = []
    header: dict[str, str] | None = None
    for rows in _sentences(path):
        if rows.comments.keys() & {"newdoc", "newdoc id"}:
            if held or header is not None:
                yield _document(path, header or {}, held)
            held, header = [], rows.comments
        if rows.tokens or "text" in rows.comments:
            held.append(rows)
    if header is None and held:
        warnings.warn(
            f"{path}: no document borders; its {len(held)} sentences are read as one document", ConversionWarning, 2
        )
        header = {"newdoc id": path.stem}
    if held or header is not None:
        yield _document(path, header or {}, held)


def _sentences(path: Path) -> Iterator[_SentenceRows]:
    """Group the lines of a file by sentence; what begins a document stands among the first one's comments."""
    rows = _SentenceRows(1)
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise FormatError(f"{path}, line {number}: not UTF-8 at byte {error.start} of the line") from None
            comment = _COMMENT.fullmatch(line)
            if not line.strip() or line.startswith(_DOCUMENT_START) or (comment and comment[1].startswith("newdoc")):
                if rows.tokens or rows.comments.keys() - {"newdoc", "newdoc id", "meta"}:
                    yield rows
                    rows = _SentenceRows(number)
                if line.startswith(_DOCUMENT_START) or comment:
                    if rows.comments:
                        yield rows
                    rows = _SentenceRows(number, {comment[1]: comment[2] or ""} if comment else {"newdoc": ""})
            elif comment:
                rows.comments[comment[1]] = comment[2] or ""
            else:
                columns = line.split("\t") if "\t" in line else line.split()
                if len(columns) < 2 or not columns[0].strip() or not _TAG.fullmatch(columns[-1].strip()):
                    message = (
                        f"{path}, line {number}: expected a token and a tag such as B-ACTOR, found {line!r}; left out"
                    )
                    warnings.warn(message, ConversionWarning, 2)
                    continue
                rows.tokens.append(columns[0])
                rows.tags.append(columns[-1].strip())
    if rows.tokens or rows.comments:
        yield rows


def _document(path: Path, header: dict[str, str], sentences: list[_SentenceRows]) -> Document:
    text = ""
    built: list[Sentence] = []
    spans: list[Span] = []
    for rows in sentences:
        body, offsets = _place_tokens(path, rows)
        text += _gap_before(path, rows, first=not built)
        start = len(text)
        text += body
        named = [name.strip() for name in rows.comments.get("stances", "").split(",")]
        if body:
            built.append(Sentence(start, len(text), body, tuple(filter(None, named))))
        for first, last, label in _tag_runs(rows.tags):
            span_start, span_end = start + offsets[first][0], start + offsets[last][1]
            spans.append(Span(span_start, span_end, label, text[span_start:span_end]))
    try:
        meta: dict[str, Any] = json.loads(header.get("meta", "{}"))
        return Document.build(text, built, spans, id=header.get("newdoc id"), meta=meta)
    except (DocumentError, ValueError) as error:
        raise FormatError(f"{path}: document {header.get('newdoc id')!r}: {error}") from None


def _gap_before(path: Path, rows: _SentenceRows, *, first: bool) -> str:
    if "gap" not in rows.comments:
        return "" if first else _USUAL_GAP
    try:
        return str(json.loads(rows.comments["gap"]))
    except ValueError:
        raise FormatError(f"{path}, sentence from line {rows.line}: its '# gap' is not a JSON string") from None


def _place_tokens(path: Path, rows: _SentenceRows) -> tuple[str, list[tuple[int, int]]]:
    """Return a sentence's text and where its tokens stand in it."""
    body = rows.comments.get("text")
    if body is None:
        body = " ".join(rows.tokens)
    offsets, position = [], 0
    for token in rows.tokens:
        start = body.find(token, position)
        if start < 0:
            raise FormatError(f"{path}, sentence from line {rows.line}: the token {token!r} is not in its '# text'")
        position = start + len(token)
        offsets.append((start, position))
    return body, offsets


def _tag_runs(tags: list[str]) -> Iterator[tuple[int, int, str]]:
    """Return the first token, the last token and the label of each run of tags, in any of the usual schemes."""
    first, held, ended = 0, None, False
    for index, tag in enumerate([*tags, "O"]):
        match = _TAG.fullmatch(tag)
        prefix, label = (match[1], match[2]) if match else (None, None)
        if held is not None and (label != held or prefix in {"B", "S", "U"} or ended):
            yield first, index - 1, held
            held = None
        if held is None and label is not None:
            first, held = index, label
        ended = prefix in {"E", "L", "S", "U"}


def _recognises(path: Path) -> bool:
    line = first_line(path)
    if line.startswith(_DOCUMENT_START) or _COMMENT.fullmatch(line):
        return True
    columns = line.split("\t") if "\t" in line else line.split()
    return len(columns) > 1 and _TAG.fullmatch(columns[-1]) is not None


CONLL = Format(
    "conll", "CoNLL columns", (".conll", ".conllu", ".bio", ".iob", ".tsv"), read_conll, write_conll, _recognises
)
