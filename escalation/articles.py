"""Articles in plain text files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

STANDARD_INPUT = "-"


class ArticleError(ValueError):
    """A file cannot be read as an article; the message names it and says why."""


def read_article(name: str | os.PathLike[str]) -> str:
    """Read the text of an article: UTF-8, line ends as they are, a byte order mark left out.

    Args:
        name: Path of the file, or ``-`` for standard input.

    Raises:
        ArticleError: The file is missing, a directory, unreadable, or not UTF-8.
    """
    name = os.fspath(name)
    if name == STANDARD_INPUT and sys.stdin is None:
        raise ArticleError(f"{name}: standard input is closed")
    try:
        data = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise ArticleError(f"{name}: {error.strerror or error}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        offset = data.find(error.object) + error.start  # the codec counts from behind the byte order mark
        raise ArticleError(
            f"{name}: not UTF-8: byte 0x{data[offset]:02x} at offset {offset}; save the file as UTF-8"
        ) from None
