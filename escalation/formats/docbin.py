"""spaCy's ``DocBin``: spans as entities, sentences as sentence starts and in the span group ``stances``."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalation.document import NO_STANCE, Document, DocumentError
from escalation.formats.base import ConversionWarning, Format, FormatError, Losses, Stances, replace_surrogates
from escalation.formats.ranges import LabelledRange, document_from_ranges, document_to_ranges

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

_GROUP = "stances"
_NAME, _META = "escalation_id", "escalation_meta"
_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")


def write_docbin(documents: Iterable[Document], path: Path, stances: Stances) -> Losses:
    """Write documents; what spaCy's own tokenizer would cut otherwise is cut at words, marks and borders of spans."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    losses, vocab, docs = Losses(), Vocab(), DocBin(attrs=["ENT_IOB", "ENT_TYPE", "SENT_START"], store_user_data=True)
    for document in documents:
        docs.add(_to_doc(document, vocab, stances, losses))
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        docs.to_disk(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return losses


def _to_doc(document: Document, vocab: Vocab, stances: Stances, losses: Losses) -> Doc:
    from spacy.tokens import Doc

    text = replace_surrogates(document.text, losses)
    ranges = document_to_ranges(document, stances, losses)
    words, spaces = _words_and_spaces(text, {edge for item in ranges for edge in item[:2]})
    doc = Doc(vocab, words=words, spaces=spaces)
    assert doc.text == text
    held = {NO_STANCE, *stances}
    entities, sentences = [], []
    for item in ranges:
        span = doc.char_span(item.start, item.end, label=item.label)
        if span is None or (item.label not in held and span.text.isspace()):
            losses["spans that begin or end inside white space (left out)"] += 1
        elif item.label in held:
            sentences.append(span)
        else:
            entities.append(span)
    doc.ents = tuple(entities)
    if len(doc):
        starts = {span.start for span in sentences}
        for token in doc:
            token.is_sent_start = token.i in starts or token.i == 0
    doc.spans[_GROUP] = sentences
    if document.id is not None:
        doc.user_data[_NAME] = document.id
    doc.user_data[_META] = json.dumps(dict(document.meta))
    return doc


def _words_and_spaces(text: str, borders: set[int]) -> tuple[list[str], list[bool]]:
    """Cut a text into tokens; a single space belongs to the token before it, unless a border lies between them."""
    words: list[str] = []
    spaces: list[bool] = []
    for match in _TOKEN.finditer(text):
        inside = sorted(border for border in borders if match.start() < border < match.end())
        for start, end in pairwise([match.start(), *inside, match.end()]):
            piece = text[start:end]
            if piece[0] == " " and words and not spaces[-1] and not words[-1].isspace():
                spaces[-1] = True
                piece = piece[1:]
            if piece:
                words.append(piece)
                spaces.append(False)
    return words, spaces


def read_docbin(path: Path, stances: Stances) -> Iterator[Document]:
    """Read entities, and stances from the group or else sentences from their starts."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        docs = DocBin().from_disk(path)
    except Exception as error:  # zlib's, msgpack's and spaCy's errors share no base class
        raise FormatError(f"{path}: not a DocBin, or cut short: {error}") from None
    for number, doc in enumerate(docs.get_docs(Vocab()), start=1):
        for group in doc.spans.keys() - {_GROUP}:
            warnings.warn(f"{path}: document {number}: its span group {group!r} is not read", ConversionWarning, 2)
        ranges = [LabelledRange(span.start_char, span.end_char, span.label_) for span in doc.ents]
        if _GROUP in doc.spans:
            ranges += [LabelledRange(span.start_char, span.end_char, span.label_) for span in doc.spans[_GROUP]]
        elif doc.has_annotation("SENT_START"):
            sentences = [span for span in doc.sents if span.text.strip()]
            ranges += [LabelledRange(span.start_char, span.end_char, NO_STANCE) for span in sentences]
        try:
            meta: dict[str, Any] = json.loads(doc.user_data.get(_META, "{}"))
            yield document_from_ranges(doc.text, ranges, stances, id=doc.user_data.get(_NAME), meta=meta)
        except (DocumentError, ValueError) as error:
            raise FormatError(f"{path}: document {number}: {error}") from None


def _recognises(path: Path) -> bool:
    return path.suffix == ".spacy"


DOCBIN = Format("spacy", "spaCy DocBin", (".spacy",), read_docbin, write_docbin, _recognises)
