"""From sentences to tokens: ids, character offsets, words and how they are written."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from functools import cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_CODES = 0x10000
_LONGEST_PIECE = 10_000
"""Characters that the tokenizer is given at once: its working memory is a hundred times its input."""
_MOST_TOKENS_KEPT = 100_000


class Shape(IntEnum):
    """How a word is written: what an encoder that folds capital letters cannot see in its token ids."""

    OTHER = 0
    LOWER = 1
    TITLE = 2
    CAPITALS = 3
    MIXED = 4
    DIGITS = 5


class Tokens(NamedTuple):
    """The tokens of some consecutive sentences, an array each.

    Attributes:
        ids: Token ids without special tokens, shape ``(tokens,)``.
        starts: First character of each token in the text, shape ``(tokens,)``.
        ends: One past the last character of each token, shape ``(tokens,)``.
        sentences: Index of the sentence of each token, ascending, shape ``(tokens,)``.
        begins_word: False where a token continues the word of the token before it, shape ``(tokens,)``.
        shapes: :class:`Shape` of the word that each token belongs to, shape ``(tokens,)``.
    """

    ids: IntArray
    starts: IntArray
    ends: IntArray
    sentences: IntArray
    begins_word: BoolArray
    shapes: IntArray


def tokenize(tokenizer: Tokenizer, text: str, bounds: Sequence[tuple[int, int]]) -> Tokens:
    """Tokenize sentences.

    Args:
        tokenizer: A tokenizer of any kind, without truncation and padding.
        text: The text that the sentences stand in.
        bounds: Character offsets (start, end) of consecutive sentences.
    """
    pieces = [
        (index, start, end)
        for index, (first, last) in enumerate(bounds)
        for start, end in _tokenizer_pieces(text, first, last)
    ]
    encodings = tokenizer.encode_batch(
        [_SURROGATE.sub(_REPLACEMENT, text[start:end]) for _, start, end in pieces],
        add_special_tokens=False,
    )
    lengths = [len(encoding) for encoding in encodings]
    ids = _concatenate([encoding.ids for encoding in encodings])
    offsets = _concatenate([encoding.offsets for encoding in encodings]).reshape(-1, 2)
    offsets += np.repeat(np.array([start for _, start, _ in pieces], dtype=np.int64), lengths)[:, None]
    sentences = np.repeat(np.array([index for index, _, _ in pieces], dtype=np.int64), lengths)
    starts, ends, begins_word = _words(text, bounds, offsets, sentences)
    return Tokens(ids, starts, ends, sentences, begins_word, word_shapes(text, starts, ends, begins_word))


def cuts_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether what a tokenizer makes of the text between two spaces never depends on what is around it."""
    return (
        isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
        and isinstance(tokenizer.model, models.WordPiece)
    )


class ChunkTokenizer:
    """Looks up the tokens of each chunk of text between two spaces, where it has seen the chunk before.

    News repeats its words: nine chunks in ten are looked up, ten times as fast as they are tokenized. What is kept is
    bounded. Threads may share one.

    Args:
        tokenizer: A tokenizer that :func:`cuts_at_spaces`.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._rows: dict[str, int]
        self._known: _KnownChunks
        self._forget()

    def __call__(self, text: str, bounds: Sequence[tuple[int, int]]) -> Tokens:
        """Return what :func:`tokenize` returns."""
        pieces = [text[start:end].split(" ") for start, end in bounds]
        counts = [len(chunks) for chunks in pieces]
        chunks = list(chain.from_iterable(pieces))
        if not chunks:
            return tokenize(self._tokenizer, text, bounds)
        with self._lock:
            rows, known = self._look_up(chunks)
        places = _starts_of_chunks(chunks, counts, bounds)
        tokens = known.counts[rows]
        ends = np.cumsum(tokens)
        index = np.arange(ends[-1]) + np.repeat(known.firsts[rows] - (ends - tokens), tokens)
        shifts = np.repeat(places, tokens)
        own = Tokens(*(column[index] for column in known.tokens))
        sentences = np.repeat(np.repeat(np.arange(len(bounds)), counts), tokens)
        return own._replace(starts=own.starts + shifts, ends=own.ends + shifts, sentences=sentences)

    def _look_up(self, chunks: Sequence[str]) -> tuple[IntArray, _KnownChunks]:
        """Return the row of each chunk, and what the rows stand for."""
        if len(self._known.tokens.ids) > _MOST_TOKENS_KEPT:
            self._forget()
        new = [chunk for chunk in dict.fromkeys(chunks) if chunk not in self._rows]
        if new:
            self._known = self._known.extended(self._tokenizer, new)
            self._rows.update(zip(new, range(len(self._rows), len(self._rows) + len(new)), strict=True))
        return np.fromiter(map(self._rows.__getitem__, chunks), dtype=np.int64, count=len(chunks)), self._known

    def _forget(self) -> None:
        self._rows = {}
        none = np.empty(0, dtype=np.int64)
        self._known = _KnownChunks(Tokens(none, none, none, none, none.astype(np.bool_), none), none, none)


class _KnownChunks(NamedTuple):
    """Tokens of chunks, one chunk after the other; their offsets count from the start of the chunk.

    Attributes:
        tokens: The tokens of all chunks.
        firsts: First token of each chunk, shape ``(chunks,)``.
        counts: Number of tokens of each chunk, shape ``(chunks,)``.
    """

    tokens: Tokens
    firsts: IntArray
    counts: IntArray

    def extended(self, tokenizer: Tokenizer, chunks: Sequence[str]) -> _KnownChunks:
        """Return these chunks and some new ones."""
        ends = np.cumsum([len(chunk) + 1 for chunk in chunks]) - 1
        starts = ends - [len(chunk) for chunk in chunks]
        new = tokenize(tokenizer, " ".join(chunks), list(zip(starts.tolist(), ends.tolist(), strict=True)))
        new = new._replace(starts=new.starts - starts[new.sentences], ends=new.ends - starts[new.sentences])
        counts = np.append(self.counts, np.bincount(new.sentences, minlength=len(chunks)))
        tokens = Tokens(*(np.append(*columns) for columns in zip(self.tokens, new, strict=True)))
        return _KnownChunks(tokens, np.cumsum(counts) - counts, counts)


def _starts_of_chunks(chunks: Sequence[str], counts: Sequence[int], bounds: Sequence[tuple[int, int]]) -> IntArray:
    """Return the first character of each chunk, given the number of chunks of each sentence."""
    lengths = np.fromiter(map(len, chunks), dtype=np.int64, count=len(chunks)) + 1
    before = np.cumsum(lengths) - lengths
    firsts = np.cumsum(counts) - counts
    starts = np.array([start for start, _ in bounds], dtype=np.int64)
    return np.asarray(before + np.repeat(starts - before[firsts], counts), dtype=np.int64)


def _tokenizer_pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence of enormous length at white space, so that the tokenizer's memory stays bounded."""
    while end - start > _LONGEST_PIECE:
        cut = text.rfind(" ", start + 1, start + _LONGEST_PIECE)
        cut = start + _LONGEST_PIECE if cut < 0 else cut
        yield start, cut
        start = cut
    yield start, end


def _concatenate(rows: Sequence[Sequence[int] | Sequence[tuple[int, int]]]) -> IntArray:
    return np.concatenate([np.array(row, dtype=np.int64).ravel() for row in rows] or [np.empty(0, dtype=np.int64)])


def _words(
    text: str, bounds: Sequence[tuple[int, int]], offsets: IntArray, sentences: IntArray
) -> tuple[IntArray, IntArray, BoolArray]:
    """Strip white space off the front of tokens, and find the tokens that begin a word.

    A token continues the word of the token before it where nothing but letters, digits and their accents lies between.
    """
    starts, ends = offsets[:, 0].copy(), offsets[:, 1].copy()
    if not len(offsets):
        return starts, ends, np.empty(0, dtype=np.bool_)
    base = bounds[0][0]
    codes = np.minimum(_codes(text[base : bounds[-1][1]]), _CODES - 1)
    for index in np.flatnonzero(_table(str.isspace)[codes[np.minimum(starts - base, len(codes) - 1)]]):
        token = text[starts[index] : ends[index]]
        if token.strip():
            starts[index] += len(token) - len(token.lstrip())
        else:
            ends[index] = starts[index]
    breaks = np.concatenate([[0], np.cumsum(~_table(_belongs_to_word)[codes])])
    between = breaks[np.minimum(starts[1:] - base + 1, len(codes))] - breaks[np.maximum(ends[:-1] - base - 1, 0)]
    continues = (sentences[1:] == sentences[:-1]) & ((between == 0) | (starts[1:] == ends[1:]))
    return starts, ends, np.concatenate([[True], ~continues])


def word_shapes(text: str, starts: IntArray, ends: IntArray, begins_word: BoolArray) -> IntArray:
    """Return the :class:`Shape` of the word that each token belongs to.

    Args:
        text: The document's whole text.
        starts: First character of each token, shape ``(tokens,)``.
        ends: One past the last character of each token, shape ``(tokens,)``.
        begins_word: False where a token continues the word of the token before it, shape ``(tokens,)``.

    Returns:
        Shapes, shape ``(tokens,)``.
    """
    if not len(starts):
        return np.empty(0, dtype=np.int64)
    words = np.flatnonzero(begins_word)
    base = int(starts[0])
    first = starts[words] - base
    last = np.maximum(ends[np.append(words[1:], len(ends)) - 1] - base, first)
    codes = np.minimum(_codes(text[base : base + int(last.max())]), _CODES - 1)
    codes = np.append(codes, 0)  # a last token of white space alone begins at the end

    def count(test: Callable[[str], bool]) -> IntArray:
        totals = np.concatenate([[0], np.cumsum(_table(test)[codes])])
        return np.asarray(totals[last] - totals[first], dtype=np.int64)

    letters, capitals, digits = count(str.isalpha), count(str.isupper), count(str.isdigit)
    titled = (capitals == 1) & _table(str.isupper)[codes[first]]
    shapes = np.select(
        [digits > 0, letters == 0, capitals == 0, capitals == letters, titled],
        [Shape.DIGITS, Shape.OTHER, Shape.LOWER, Shape.CAPITALS, Shape.TITLE],
        Shape.MIXED,
    )
    return np.asarray(shapes[np.cumsum(begins_word) - 1], dtype=np.int64)


def _codes(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _belongs_to_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


@cache
def _table(test: Callable[[str], bool]) -> BoolArray:
    """Return what a test says of each character of the Basic Multilingual Plane."""
    return np.fromiter((test(chr(code)) for code in range(_CODES)), dtype=np.bool_, count=_CODES)
