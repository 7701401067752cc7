"""Documents in JSON Lines files: one document a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from escalation.document import Document, DocumentError


class CorpusError(ValueError):
    """A file of documents cannot be read; the message names the file and the line."""


def to_json_line(document: Document) -> str:
    r"""Return a document as one line of JSON, without the line feed.

    A lone surrogate is escaped (``\ud800``), so that the line can be written as UTF-8; all else is written as it is.
    """
    line = json.dumps(document.to_dict(), ensure_ascii=False)
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def read_documents(path: str | os.PathLike[str]) -> Iterator[Document]:
    """Read documents from a JSON Lines file, one at a time; empty lines are passed over.

    Args:
        path: The file.

    Yields:
        Documents in the order of the file.

    Raises:
        CorpusError: A line is not UTF-8, not JSON or not a document; the message names file and line.
        OSError: The file cannot be read.
    """
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield Document.from_dict(json.loads(line.decode("utf-8-sig")))
            except UnicodeDecodeError as error:
                raise CorpusError(f"{path}, line {number}: not UTF-8 at byte {error.start} of the line") from None
            except DocumentError as error:
                raise CorpusError(f"{path}, line {number}: {error}") from None
            except (ValueError, RecursionError) as error:
                raise CorpusError(f"{path}, line {number}: not JSON: {json_problem(error)}") from None


def json_problem(error: ValueError | RecursionError) -> str:
    """Say what is wrong with text that cannot be read as JSON."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def write_documents(documents: Iterable[Document], path: str | os.PathLike[str]) -> int:
    """Write documents to a JSON Lines file; an existing file is replaced only when all are written.

    Args:
        documents: Documents, taken one at a time.
        path: The file.

    Returns:
        The number of documents written.
    """
    count = 0
    with replace_when_done(path) as file:
        for document in documents:
            file.write(to_json_line(document) + "\n")
            count += 1
    return count


@contextmanager
def replace_when_done(path: str | os.PathLike[str]) -> Iterator[IO[str]]:
    """Open a temporary text file beside ``path`` that takes its place on success and vanishes on failure.

    A link is followed; a pipe or device is written to as it is.

    Raises:
        FileNotFoundError: The folder of ``path`` is missing.
        IsADirectoryError: ``path`` is a folder.
    """
    check_target(path)
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", newline="\n") as device:
            yield device
        return
    with NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=target.parent, prefix=f".{target.name}.", delete=False
    ) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            file.close()
            umask = os.umask(0)
            os.umask(umask)
            Path(file.name).chmod(0o666 & ~umask)
            Path(file.name).replace(target)
        except BaseException:
            file.close()
            Path(file.name).unlink(missing_ok=True)
            raise


def check_target(path: str | os.PathLike[str]) -> None:
    """Check that a file of that name could be written, before work is done for it.

    Raises:
        FileNotFoundError: The folder of ``path`` is missing.
        IsADirectoryError: ``path`` is a folder.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: its folder is missing; make it first")
    if target.is_dir():
        raise IsADirectoryError(f"{target}: a folder; name a file")
