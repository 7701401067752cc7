"""The texts that a benchmark reads, and how much there is in each of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from escalation.articles import read_article
from escalation.corpus import read_documents
from escalation.segmentation import split_sentences

_REPOSITORY = Path(__file__).parents[2]
_USUAL_FILES = ("data/public/text/dev.jsonl", "data/corpus/test.jsonl", "examples/strait.txt")


@dataclass(frozen=True)
class Workload:
    """Articles, repeated in turn.

    Attributes:
        unique: Different texts.
        count: How many texts the whole workload has; ``unique`` over and over.
        sentences: Number of sentences of each unique text, shape ``(unique,)``.
    """

    unique: tuple[str, ...]
    count: int
    sentences: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str], count: int) -> Workload:
        """Make a workload of at least ``count`` articles.

        Raises:
            ValueError: No text has a sentence.
        """
        unique = tuple(text for text in texts if split_sentences(text))
        if not unique:
            raise ValueError("expected at least one text with a sentence, found none")
        sentences = np.array([len(split_sentences(text)) for text in unique], dtype=np.int64)
        return cls(unique, max(count, len(unique)), sentences)

    def spread(self, size: int, turn: int) -> list[int]:
        """Choose articles that are spread evenly over the texts, other ones in each turn.

        Args:
            size: How many to choose; all at most.
            turn: Number of the round; it moves the first article on.

        Returns:
            Places in ``unique``; they differ as long as ``size`` allows it.
        """
        size = min(size, self.count)
        return [(turn + place * max(len(self.unique) // size, 1)) % len(self.unique) for place in range(size)]

    def texts(self, places: Sequence[int]) -> list[str]:
        """Return the texts at places in ``unique``."""
        return [self.unique[place] for place in places]

    def articles(self, sentences: int, count: int) -> list[str]:
        """Join consecutive sentences into articles of a given length, one sentence a line.

        Args:
            sentences: Sentences of each article.
            count: Number of articles.
        """
        lines = itertools.cycle(_lines(self.unique))
        return ["\n".join(itertools.islice(lines, sentences)) for _ in range(count)]


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Yield sentences that are still one sentence when they stand on a line of their own."""
    for text in texts:
        for start, end in split_sentences(text):
            line = " ".join(text[start:end].split())
            if len(split_sentences(line)) == 1:
                yield line


def usual_data() -> Path:
    """Return the first file of texts that a clone of the repository has.

    Raises:
        FileNotFoundError: There is none, as where the library was installed without its repository.
    """
    for name in _USUAL_FILES:
        if (_REPOSITORY / name).is_file():
            return _REPOSITORY / name
    raise FileNotFoundError("the package comes without texts: name a file of your own with --data FILE")


def read_texts(path: Path) -> list[str]:
    """Read the texts of documents in a JSON Lines file, or a plain text as one article.

    Raises:
        ValueError: The file cannot be read as such, or has no text.
        OSError: The file cannot be read.
    """
    labelled = path.suffix == ".jsonl"
    texts = [document.text for document in read_documents(path)] if labelled else [read_article(path)]
    if not any(map(split_sentences, texts)):
        raise ValueError(f"{path}: expected at least one text with a sentence, found none")
    return texts
