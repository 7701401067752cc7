"""Labelled documents over public text that is not ours to give: labels by offset, and how to get the text back.

A reference says where a document's text comes from (repository, commit, path, record, character ranges of its
sentences) and carries its labels and a checksum. Given the source file, the text is put together again, and the
document with it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from escalation.document import Document, DocumentError, Sentence, Span

_WHITE_SPACE = re.compile(r"\s+")
_ARTICLE_NAME, _ARTICLE_NUMBER = "filename", "unit_id"


class PublicTextError(ValueError):
    """A source file lacks a record, or its text is not the one that was labelled; the message names the document."""


@dataclass(frozen=True)
class Source:
    """A file in a public repository at a fixed commit.

    Attributes:
        repository: Owner and name.
        commit: Full hash of the commit.
        path: Path of the file inside the repository.
    """

    repository: str
    commit: str
    path: str


@dataclass(frozen=True)
class Reference:
    """A labelled document without its text.

    Attributes:
        source: The file that holds the text.
        record: File name of the article (JSON), row from 0 after the header or ``unit_id`` (CSV), line from 0 (TSV).
        field: Name of the text's field, where records have named fields.
        encoding: Encoding of the file.
        ranges: Start and end of each sentence in the record's text.
        sha256: Checksum of the document's text in UTF-8.
        stances: The stances of each sentence.
        spans: Start, end and label of each span in the document's text.
        id: Name of the document.
        origin: Short name of the source, kept as the document's ``source``.
    """

    source: Source
    record: int | str
    field: str | None
    encoding: str
    ranges: tuple[tuple[int, int], ...]
    sha256: str
    stances: tuple[tuple[str, ...], ...]
    spans: tuple[tuple[int, int, str], ...]
    id: str
    origin: str

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Reference:
        """Read a reference.

        Raises:
            PublicTextError: A field is missing or of the wrong type.
        """
        if not isinstance(record, Mapping):
            raise PublicTextError(f"a reference must be a JSON object, not {type(record).__name__}")
        try:
            return cls(
                Source(record["repository"], record["commit"], record["path"]),
                record["record"],
                record.get("field"),
                record.get("encoding", "utf-8"),
                tuple((int(start), int(end)) for start, end in record["ranges"]),
                record["sha256"],
                tuple(tuple(stances) for stances in record["stances"]),
                tuple((span["start"], span["end"], span["label"]) for span in record["spans"]),
                record["id"],
                record["source"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PublicTextError(f"reference {record.get('id')!r}: missing or wrong field: {error}") from None

    def resolve(self, file: Path) -> Document:
        """Put the document together from a local copy of its source file.

        Raises:
            PublicTextError: The record is missing, or the text differs from the one that was labelled.
            OSError: The file cannot be read.
        """
        where = f"document {self.id!r}, record {self.record!r} of {file}"
        try:
            text = _records(file, self.encoding, self.field).get(self.record)
        except (ValueError, KeyError, zipfile.BadZipFile, csv.Error) as error:
            raise PublicTextError(f"{where}: the file cannot be read as such: {error}") from None
        if text is None:
            raise PublicTextError(f"{where}: no such record; the file is not the one at commit {self.source.commit}")
        return self.with_text("\n".join(clean(text[start:end]) for start, end in self.ranges), where)

    def with_text(self, text: str, where: str) -> Document:
        """Return the document, given its text.

        Raises:
            PublicTextError: The text is not the one that was labelled.
        """
        if hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != self.sha256:
            raise PublicTextError(f"{where}: the text has another checksum than the one that was labelled")
        sentences, start = [], 0
        if text.count("\n") + 1 != len(self.stances):
            raise PublicTextError(
                f"{where}: {len(self.stances)} lists of stances for {text.count(chr(10)) + 1} sentences"
            )
        for line, stances in zip(text.split("\n"), self.stances, strict=True):
            sentences.append(Sentence(start, start + len(line), line, stances))
            start += len(line) + 1
        spans = [Span(first, last, label, text[first:last]) for first, last, label in self.spans]
        try:
            return Document.build(text, sentences, spans, id=self.id, meta={"source": self.origin})
        except DocumentError as error:
            raise PublicTextError(f"{where}: {error}") from None


def read_references(path: Path) -> Iterator[Reference]:
    """Read references from a JSON Lines file.

    Raises:
        PublicTextError: A line is not a reference; the message names file and line.
        OSError: The file cannot be read.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield Reference.from_dict(json.loads(line))
            except (json.JSONDecodeError, PublicTextError) as error:
                raise PublicTextError(f"{path}, line {number}: {error}") from None


def clean(text: str) -> str:
    """Fold runs of white space into one space and strip."""
    return _WHITE_SPACE.sub(" ", text).strip()


@cache
def _records(file: Path, encoding: str, field: str | None) -> dict[int | str, str]:
    """Return the texts of a source file by record, in Unicode NFC and with plain spaces for no-break ones."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            [name] = [name for name in archive.namelist() if name.endswith(".csv") and not name.startswith("__")]
            content = archive.read(name).decode(encoding)
        records = _csv_records(content, field)
    else:
        content = file.read_bytes().decode(encoding)
        if file.suffix == ".json":
            records = {item[_ARTICLE_NAME]: item[field] for item in json.loads(content)}
        elif file.suffix == ".tsv":
            records = {index: line.split("\t")[0] for index, line in enumerate(content.split("\n"))}
        else:
            records = _csv_records(content, field)
    return {
        key: unicodedata.normalize("NFC", text).replace("\xa0", " ")
        for key, text in records.items()
        if isinstance(text, str)
    }


def _csv_records(content: str, field: str | None) -> dict[int | str, str]:
    csv.field_size_limit(2**31 - 1)
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    records: dict[int | str, str] = {}
    for index, row in enumerate(rows):
        records[row.get(_ARTICLE_NUMBER, index)] = row[str(field)]
    return records
