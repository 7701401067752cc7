"""Reading and writing records of JSON, with the place of an error in its message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from escalation.corpus import json_problem
from escalation.document import DocumentError
from escalation.formats.base import FormatError, first_line


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the record of each line that is not blank.

    Raises:
        FormatError: A line is not a JSON object in UTF-8.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                raise FormatError(f"{path}, line {number}: not JSON: {json_problem(error)}") from None
            if not isinstance(record, dict):
                raise FormatError(f"{path}, line {number}: expected a JSON object, found {type(record).__name__}")
            yield number, record


def json_line(record: Mapping[str, Any]) -> str:
    r"""Return a record as a line of JSON; lone surrogates are escaped (``\ud800``)."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def first_record(path: Path) -> dict[str, Any]:
    """Return the record on the first line, or an empty one where there is none."""
    try:
        record = json.loads(first_line(path))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


@contextmanager
def errors_named(where: str) -> Iterator[None]:
    """Turn what goes wrong in a record into an error that says where the record stands and which field it is."""
    try:
        yield
    except DocumentError as error:
        raise FormatError(f"{where}: {error}") from None
    except KeyError as error:
        raise FormatError(f"{where}: the field {error} is missing") from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{where}: a field is of the wrong type: {error}") from None
