"""doccano's JSON Lines for sequence labelling: ``{"id": 1, "text": "...", "label": [[0, 6, "ACTOR"], ...]}``.

The project must allow overlapping spans, for sentences are ranges too (see :mod:`escalation.formats.ranges`). doccano
counts UTF-16 code units, so characters beyond the basic plane (emoji) count twice in its files.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from escalation.corpus import replace_when_done
from escalation.document import Document, DocumentError
from escalation.formats.base import Format, Losses, Stances
from escalation.formats.json_lines import errors_named, first_record, json_line, read_json_lines
from escalation.formats.ranges import LabelledRange, document_from_ranges, document_to_ranges

_RANGE_FIELDS = ("label", "labels", "entities")
_NAME = "name"
_FIELDS_OF_DOCUMENTS = ("sentences", "spans")
_OWN_FIELDS = {"id", "text", "Comments", "comments", "relations", _NAME, *_RANGE_FIELDS}


def write_doccano(documents: Iterable[Document], path: Path, stances: Stances) -> Losses:
    """Write a record for each document; its name goes into the field ``name``, for doccano numbers its records."""
    losses = Losses()
    with replace_when_done(path) as file:
        for document in documents:
            offsets = utf16_offsets(document.text)
            ranges = document_to_ranges(document, stances, losses)
            meta = {key: value for key, value in document.meta.items() if key not in _OWN_FIELDS}
            losses["further fields of documents (left out)"] += len(document.meta) - len(meta)
            record: dict[str, Any] = {"text": document.text, **meta}
            if document.id is not None:
                record[_NAME] = document.id
            record["label"] = [[offsets[item.start], offsets[item.end], item.label] for item in ranges]
            file.write(json_line(record))
    return losses


def read_doccano(path: Path, stances: Stances) -> Iterator[Document]:
    """Read an export with or without relations; the name is the field ``name`` or else doccano's number."""
    for line, record in read_json_lines(path):
        with errors_named(f"{path}, line {line}"):
            text: str = record["text"] if "text" in record else record["data"]
            offsets = utf16_offsets(text)
            ranges = []
            for item in next((record[field] for field in _RANGE_FIELDS if record.get(field) is not None), []):
                start, end, label = (
                    (item["start_offset"], item["end_offset"], item["label"]) if isinstance(item, dict) else item
                )
                if not 0 <= start < end <= offsets[-1]:
                    raise DocumentError(f"{label!r} at {start}:{end} is empty or outside the text")
                ranges.append(LabelledRange(bisect_left(offsets, start), bisect_left(offsets, end), label))
            name = record.get(_NAME, record.get("id"))
            yield document_from_ranges(
                text,
                ranges,
                stances,
                id=None if name is None else str(name),
                meta={key: value for key, value in record.items() if key not in _OWN_FIELDS},
            )


def utf16_offsets(text: str) -> list[int]:
    """Return for each character of a text, and for its end, how many UTF-16 code units stand before it."""
    return [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]


def _recognises(path: Path) -> bool:
    record = first_record(path)
    return (
        ("text" in record or "data" in record)
        and any(isinstance(record.get(field), list) for field in _RANGE_FIELDS)
        and not any(isinstance(record.get(field), list) for field in _FIELDS_OF_DOCUMENTS)
    )


DOCCANO = Format("doccano", "doccano", (".jsonl",), read_doccano, write_doccano, _recognises)
