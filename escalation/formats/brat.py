"""brat's standoff form: a folder with a ``.txt`` and an ``.ann`` file for each document.

Sentences are text-bound annotations like spans (see :mod:`escalation.formats.ranges`). The folder gets an
``annotation.conf`` that lets brat open it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from escalation.corpus import replace_when_done
from escalation.document import NO_STANCE, Document, DocumentError
from escalation.formats.base import Format, FormatError, Losses, Stances, replace_surrogates
from escalation.formats.ranges import LabelledRange, document_from_ranges, document_to_ranges

_TEXT_BOUND = re.compile(r"T\d+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t.*)?")
_NOT_A_RANGE = re.compile(r"[*REAMN#]")
_LABEL = re.compile(r"[^\s;]+")
_LONGEST_NAME = 240


def write_brat(documents: Iterable[Document], path: Path, stances: Stances) -> Losses:
    """Write documents into a new folder; brat's labels must be free of white space."""
    losses = Losses()
    path.mkdir()
    labels: dict[str, None] = dict.fromkeys((*stances, NO_STANCE))
    for number, document in enumerate(documents, start=1):
        losses["further fields of documents (left out)"] += len(document.meta)
        losses["documents without a name (named by number)"] += document.id is None
        name = _file_name(document.id if document.id is not None else f"document-{number:05}")
        if (path / f"{name}.txt").exists():
            raise FormatError(f"document {document.id!r}: two documents of that name; brat keeps a file for each name")
        text = replace_surrogates(document.text, losses)
        ranges = document_to_ranges(document, stances, losses)
        labels |= dict.fromkeys(item.label for item in ranges)
        with replace_when_done(path / f"{name}.txt") as file:
            file.write(text)
        with replace_when_done(path / f"{name}.ann") as file:
            file.writelines(_annotation(index, item, text) for index, item in enumerate(ranges, start=1))
    with replace_when_done(path / "annotation.conf") as file:
        overlaps = "OVERLAP Arg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>"
        file.write("\n".join(["[entities]", *labels, "[relations]", overlaps, "[events]", "[attributes]", ""]))
    return losses


def _file_name(name: str) -> str:
    safe = quote(name, safe=" !#$&'()+,;=@[]^{}~", errors="surrogatepass")
    safe = "%2E" + safe[1:] if safe.startswith(".") else safe
    if not safe or len(safe) > _LONGEST_NAME:
        raise FormatError(f"document {name[:40]!r}: its name cannot be a file's name; give it another id")
    return safe


def _annotation(index: int, item: LabelledRange, text: str) -> str:
    if not _LABEL.fullmatch(item.label):
        raise FormatError(f"the label {item.label!r} holds white space or a semicolon, which brat's labels must not")
    covered = re.finditer(r"[^\n]+", text[item.start : item.end])
    pieces = [(item.start + match.start(), item.start + match.end()) for match in covered]
    if not pieces or (pieces[0][0], pieces[-1][1]) != (item.start, item.end):
        raise FormatError(f"the range {item.start}:{item.end} begins or ends with a line feed, which brat cannot hold")
    fragments = ";".join(f"{start} {end}" for start, end in pieces)
    words = " ".join(text[start:end] for start, end in pieces)
    return f"T{index}\t{item.label} {fragments}\t{words}\n"


def read_brat(path: Path, stances: Stances) -> Iterator[Document]:
    """Read the documents of a folder in the order of their names; a discontinuous annotation is read as one range."""
    texts = sorted(path.glob("*.txt"))
    if not texts:
        raise FormatError(f"{path}: no .txt files; a brat folder holds a .txt and an .ann file for each document")
    for text_path in texts:
        annotations = text_path.with_suffix(".ann")
        text = _read_utf8(text_path)
        try:
            ranges = list(_ranges(annotations)) if annotations.is_file() else []
            yield document_from_ranges(text, ranges, stances, id=unquote(text_path.stem, errors="surrogatepass"))
        except DocumentError as error:
            raise FormatError(f"{annotations}: {error}") from None


def _ranges(path: Path) -> Iterator[LabelledRange]:
    for number, line in enumerate(_read_utf8(path).split("\n"), start=1):
        if not line.strip() or _NOT_A_RANGE.match(line):
            continue
        match = _TEXT_BOUND.fullmatch(line)
        if match is None:
            raise FormatError(f"{path}, line {number}: expected 'T1<tab>LABEL START END<tab>text', found {line[:60]!r}")
        offsets = [int(number) for number in re.findall(r"\d+", match[2])]
        yield LabelledRange(offsets[0], offsets[-1], match[1])


def _read_utf8(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not UTF-8 at byte {error.start}") from None


def _recognises(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.ann"))


BRAT = Format("brat", "brat standoff", (), read_brat, write_brat, _recognises)
