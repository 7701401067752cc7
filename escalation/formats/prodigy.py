"""Prodigy's JSON Lines for ``spans.manual``: ``{"text": "...", "spans": [{"start": 0, "end": 6, "label": "ACTOR"}]}``.

Sentences are spans too, which may overlap others (see :mod:`escalation.formats.ranges`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from escalation.corpus import replace_when_done
from escalation.document import Document
from escalation.formats.base import Format, Losses, Stances
from escalation.formats.json_lines import errors_named, first_record, json_line, read_json_lines
from escalation.formats.ranges import LabelledRange, document_from_ranges, document_to_ranges

_NAME = "id"
_SIGNS = ("_input_hash", "_task_hash", "_view_id", "answer", "tokens")
_OWN_FIELDS = {"text", "spans", "meta", "options", "accept", "config", "_session_id", "_annotator_id", *_SIGNS}


def write_prodigy(documents: Iterable[Document], path: Path, stances: Stances) -> Losses:
    """Write a task for each document; name and further fields go into its ``meta``, which Prodigy shows."""
    losses = Losses()
    with replace_when_done(path) as file:
        for document in documents:
            ranges = document_to_ranges(document, stances, losses)
            meta = {key: value for key, value in document.meta.items() if key != _NAME}
            losses["further fields of documents (left out)"] += len(document.meta) - len(meta)
            if document.id is not None:
                meta = {_NAME: document.id, **meta}
            task: dict[str, Any] = {"text": document.text, "spans": [item._asdict() for item in ranges], "meta": meta}
            file.write(json_line({**task, "_view_id": "spans_manual", "answer": "accept"}))
    return losses


def read_prodigy(path: Path, stances: Stances) -> Iterator[Document]:
    """Read what ``prodigy db-out`` writes; tasks that were rejected or ignored are left out."""
    for line, task in read_json_lines(path):
        if task.get("answer", "accept") != "accept":
            continue
        with errors_named(f"{path}, line {line}"):
            fields = {key: value for key, value in task.items() if key not in _OWN_FIELDS and key[0] != "_"}
            meta = {**fields, **(task.get("meta") or {})}
            name = meta.pop(_NAME, None)
            ranges = [LabelledRange(span["start"], span["end"], span["label"]) for span in task.get("spans") or []]
            yield document_from_ranges(task["text"], ranges, stances, id=None if name is None else str(name), meta=meta)


def _recognises(path: Path) -> bool:
    record = first_record(path)
    return "text" in record and "sentences" not in record and any(sign in record for sign in _SIGNS)


PRODIGY = Format("prodigy", "Prodigy", (".jsonl",), read_prodigy, write_prodigy, _recognises)
