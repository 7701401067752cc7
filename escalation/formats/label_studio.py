"""Label Studio's JSON: a list of tasks with annotations, or its short form (JSON-MIN).

Sentences are ranges like spans, with their stances as the range's labels. The labelling interface needs a ``Text``
named ``text`` and ``Labels`` named ``label``; a range may hold several labels (``choice="multiple"``).
"""

from __future__ import annotations

import json
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

from escalation.corpus import replace_when_done
from escalation.document import Document, DocumentError
from escalation.formats.base import ConversionWarning, Format, FormatError, Losses, Stances, first_line
from escalation.formats.doccano import utf16_offsets
from escalation.formats.json_lines import errors_named, json_line
from escalation.formats.ranges import LabelledRange, document_from_ranges, document_to_ranges

_TEXT, _LABEL, _NAME = "text", "label", "name"


def write_label_studio(documents: Iterable[Document], path: Path, stances: Stances) -> Losses:
    """Write a task with one annotation for each document; further fields go into the task's data."""
    losses = Losses()
    with replace_when_done(path) as file:
        file.write("[")
        for number, document in enumerate(documents):
            ranges = document_to_ranges(document, stances, losses)
            meta = {key: value for key, value in document.meta.items() if key not in {_TEXT, _NAME}}
            losses["further fields of documents (left out)"] += len(document.meta) - len(meta)
            name = {} if document.id is None else {_NAME: document.id}
            result = [
                _region(f"r{index}", document.text, start, end, [item.label for item in group])
                for index, ((start, end), group) in enumerate(groupby(ranges, key=lambda item: item[:2]))
            ]
            task = {"data": {_TEXT: document.text, **name, **meta}, "annotations": [{"result": result}]}
            file.write((",\n" if number else "\n") + json_line(task).rstrip("\n"))
        file.write("\n]\n")
    return losses


def _region(name: str, text: str, start: int, end: int, labels: list[str]) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": text[start:end], "labels": labels}
    return {"id": name, "from_name": _LABEL, "to_name": _TEXT, "type": "labels", "value": value}


def read_label_studio(path: Path, stances: Stances) -> Iterator[Document]:
    """Read an export.

    Of a task's annotations the first that was not cancelled counts; a task without any has its first prediction. Tasks
    whose annotations were all cancelled are left out, with a warning.
    """
    try:
        tasks = json.loads(path.read_bytes().decode("utf-8-sig"))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON: {error}") from None
    if not isinstance(tasks, list):
        raise FormatError(f"{path}: expected a list of tasks, found {type(tasks).__name__}")
    for number, task in enumerate(tasks, start=1):
        with errors_named(f"{path}, task {number}"):
            data = task.get("data", task)
            text: str = data[_TEXT]
            values = _values(task)
            if values is None:
                warnings.warn(f"{path}, task {number}: skipped by its annotators; left out", ConversionWarning, 2)
                continue
            ranges = [item for value in values for item in _ranges(text, value)]
            name = data.get(_NAME, data.get("id", task.get("id")))
            yield document_from_ranges(
                text, ranges, stances, id=None if name is None else str(name), meta=_further_fields(data, task)
            )


def _values(task: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the labelled regions of a task, or None where its annotators skipped it."""
    if "data" not in task:
        return task.get(_LABEL) or []
    annotations = task.get("annotations") or []
    done = [item for item in annotations if not item.get("was_cancelled")]
    if annotations and not done:
        return None
    chosen = (done or task.get("predictions") or [{}])[0]
    return [region["value"] for region in chosen.get("result", []) if "labels" in region.get("value", {})]


def _ranges(text: str, value: dict[str, Any]) -> Iterator[LabelledRange]:
    start, end = _borders(text, value)
    for label in value["labels"]:
        yield LabelledRange(start, end, label)


def _borders(text: str, value: dict[str, Any]) -> tuple[int, int]:
    """Return the borders of a region in characters; its text tells how the tool counted.

    Versions differ: some count UTF-16 code units, and browsers fold a carriage return and line feed into one.
    """
    start, end, words = value["start"], value["end"], value.get("text")
    if words is None or text[start:end] == words:
        return start, end
    folded = [0, *accumulate(text[place : place + 2] != "\r\n" for place in range(len(text)))]
    for offsets in (utf16_offsets(text), folded):
        place, stop = bisect_left(offsets, start), bisect_left(offsets, end)
        if text[place:stop].replace("\r\n", "\n") == words.replace("\r\n", "\n"):
            return place, stop
    raise DocumentError(f"the region {start}:{end} says {words!r}, but the text there is {text[start:end]!r}")


def _further_fields(data: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    short_form = {_LABEL, "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}
    own = {"id", _TEXT, _NAME} | (short_form if data is task else set())
    return {key: value for key, value in data.items() if key not in own}


def _recognises(path: Path) -> bool:
    return path.is_file() and re.match(r"\[\s*([{\]]|$)", first_line(path)) is not None


LABEL_STUDIO = Format("label-studio", "Label Studio", (".json",), read_label_studio, write_label_studio, _recognises)
