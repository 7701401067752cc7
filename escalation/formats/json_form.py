"""The one form: JSON Lines of whole documents, as ``predict`` writes and ``train`` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from escalation.corpus import read_documents, write_documents
from escalation.document import Document
from escalation.formats.base import Format, Losses, Stances
from escalation.formats.json_lines import first_record


def _read(path: Path, stances: Stances) -> Iterator[Document]:
    return read_documents(path)


def _write(documents: Iterable[Document], path: Path, stances: Stances) -> Losses:
    write_documents(documents, path)
    return Losses()


def _recognises(path: Path) -> bool:
    return "text" in first_record(path)


JSON_FORM = Format("jsonl", "JSON Lines of documents", (".jsonl",), _read, _write, _recognises)
