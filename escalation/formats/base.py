"""What every format has in common: its functions, its errors, and an account of what it cannot hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from escalation.document import Document

Losses = Counter[str]
"""What a format could not hold: how often, by the name of the thing."""

Stances = tuple[str, ...]

_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class FormatError(ValueError):
    """A file is not of the format, or the format cannot take a document; the message names the place."""


class ConversionWarning(UserWarning):
    """Something was left out or could not be read, and the rest went on."""


@dataclass(frozen=True)
class Format:
    """A way to write labelled documents.

    Attributes:
        name: Name on the command line.
        title: Name for people.
        suffixes: Extensions of its files, the usual one first; none where documents lie in a folder.
        read: Takes a path and the labels that are stances, yields documents.
        write: Takes documents, a path that is not there yet, and the labels that are stances; returns what was lost.
        recognises: Whether the content at a path looks like this format.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Stances], Iterator[Document]]
    write: Callable[[Iterable[Document], Path, Stances], Losses]
    recognises: Callable[[Path], bool]

    @property
    def is_folder(self) -> bool:
        """Whether one data set is a folder."""
        return not self.suffixes


def count_predictions(document: Document, losses: Losses) -> None:
    """Count the scores and rationales of a document, for formats that hold labels alone."""
    losses["scores of spans"] += sum(span.score is not None for span in document.spans)
    losses["scores of sentences"] += sum(bool(sentence.scores) for sentence in document.sentences)
    losses["rationales of sentences"] += sum(bool(sentence.rationale) for sentence in document.sentences)


def replace_surrogates(text: str, losses: Losses) -> str:
    """Put U+FFFD in the place of lone surrogates, which UTF-8 cannot hold; offsets stay as they are."""
    clean, count = _SURROGATE.subn(_REPLACEMENT, text)
    losses["lone surrogates (replaced by U+FFFD)"] += count
    return clean


def first_line(path: Path) -> str:
    """Return the first line that is not blank, or an empty string where there is none or it is not UTF-8."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return next((line.strip() for line in file if line.strip()), "")
    except (OSError, UnicodeDecodeError):
        return ""
