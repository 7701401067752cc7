"""From sentences to windows: tokens with their character offsets, packed into sequences that the encoder reads."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_CODES = 0x10000
_LONGEST_PIECE = 10_000
"""Characters that the tokenizer is given at once: its working memory is a hundred times its input."""


class Shape(IntEnum):
    """How a word is written: what an encoder that folds capital letters cannot see in its token ids."""

    OTHER = 0
    LOWER = 1
    TITLE = 2
    CAPITALS = 3
    MIXED = 4
    DIGITS = 5


class Window(NamedTuple):
    """A range of a block's tokens that the encoder reads as one sequence.

    Attributes:
        start: First token.
        stop: One past the last token.
        keep_start: First token whose scores are taken from this window.
        keep_stop: One past the last token whose scores are taken from this window.
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int


@dataclass(frozen=True)
class EncodedBlock:
    """The tokens of some consecutive sentences of one document, and the windows that cover them.

    Attributes:
        bounds: Character offsets (start, end) of the sentences in the document.
        ids: Token ids without special tokens, shape ``(tokens,)``.
        starts: First character of each token in the document, shape ``(tokens,)``.
        ends: One past the last character of each token, shape ``(tokens,)``.
        sentences: Index into ``bounds`` of the sentence of each token, ascending, shape ``(tokens,)``.
        begins_word: False where a token continues the word of the token before it, shape ``(tokens,)``.
        shapes: :class:`Shape` of the word that each token belongs to, shape ``(tokens,)``.
        windows: Windows in order; what they keep covers every token exactly once.
    """

    bounds: Sequence[tuple[int, int]]
    ids: IntArray
    starts: IntArray
    ends: IntArray
    sentences: IntArray
    begins_word: BoolArray
    shapes: IntArray
    windows: list[Window]


class WindowEncoder:
    """Turns sentences into tokens, and packs consecutive sentences into windows.

    Args:
        tokenizer: A tokenizer of the ``tokenizers`` library; its truncation and padding are switched off.
        window_tokens: Longest sequence that the encoder reads, special tokens included.
        window_overlap: Tokens that two pieces of a sentence share where it is longer than a window.

    Raises:
        ValueError: The window has no room for text, or the overlap is not shorter than it.
    """

    def __init__(self, tokenizer: Tokenizer, window_tokens: int = 256, window_overlap: int = 64) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.prefix, self.suffix = _special_tokens(tokenizer)
        self.capacity = window_tokens - len(self.prefix) - len(self.suffix)
        self.overlap = window_overlap
        if self.capacity < 1 or not 0 <= window_overlap < self.capacity:
            raise ValueError(
                f"window_overlap ({window_overlap}) must be at least 0 and below the {self.capacity} tokens of text "
                f"that a window of {window_tokens} tokens holds"
            )

    def encode(self, text: str, bounds: Sequence[tuple[int, int]]) -> EncodedBlock:
        """Tokenize sentences and lay out their windows.

        Args:
            text: The document's whole text.
            bounds: Character offsets (start, end) of consecutive sentences.
        """
        pieces = [
            (index, start, end)
            for index, (first, last) in enumerate(bounds)
            for start, end in _tokenizer_pieces(text, first, last)
        ]
        encodings = self.tokenizer.encode_batch(
            [_SURROGATE.sub(_REPLACEMENT, text[start:end]) for _, start, end in pieces],
            add_special_tokens=False,
        )
        lengths = [len(encoding) for encoding in encodings]
        ids = _concatenate([encoding.ids for encoding in encodings])
        offsets = _concatenate([encoding.offsets for encoding in encodings]).reshape(-1, 2)
        offsets += np.repeat(np.array([start for _, start, _ in pieces], dtype=np.int64), lengths)[:, None]
        sentences = np.repeat(np.array([index for index, _, _ in pieces], dtype=np.int64), lengths)
        starts, ends, begins_word = _words(text, bounds, offsets, sentences)
        shapes = word_shapes(text, starts, ends, begins_word)
        lengths_by_sentence = np.bincount(sentences, minlength=len(bounds)).tolist()
        windows = list(pack_windows(lengths_by_sentence, self.capacity, self.overlap))
        return EncodedBlock(bounds, ids, starts, ends, sentences, begins_word, shapes, windows)

    def window_inputs(self, block: EncodedBlock, window: Window) -> IntArray:
        """Return what the model reads, special tokens included.

        Returns:
            Token ids in the first row and word shapes in the second, shape ``(2, tokens)``.
        """
        inputs = np.zeros((2, len(self.prefix) + window.stop - window.start + len(self.suffix)), dtype=np.int64)
        text = slice(len(self.prefix), inputs.shape[1] - len(self.suffix))
        inputs[0] = np.concatenate([self.prefix, block.ids[window.start : window.stop], self.suffix])
        inputs[1, text] = block.shapes[window.start : window.stop]
        return inputs

    def gather(self, block: EncodedBlock, scores: Sequence[FloatArray]) -> FloatArray:
        """Put the scores of a block's windows together again.

        Args:
            block: The block.
            scores: For each window the scores of what :meth:`window_inputs` returned, shape ``(length, columns)``;
                rows of padding may follow.

        Returns:
            A row for each token of the block, shape ``(tokens, columns)``.
        """
        rows = [
            window_scores[len(self.prefix) + keep_start - start : len(self.prefix) + keep_stop - start]
            for (start, _, keep_start, keep_stop), window_scores in zip(block.windows, scores, strict=True)
        ]
        return np.concatenate(rows) if rows else np.empty((0, 0), dtype=np.float32)


def pack_windows(lengths: Sequence[int], capacity: int, overlap: int) -> Iterator[Window]:
    """Pack consecutive sentences into windows, as many whole ones as fit.

    A sentence longer than a window is cut into pieces that share ``overlap`` tokens; of two pieces, each token's
    scores come from the one in which it stands further from the border.

    Args:
        lengths: Number of tokens of each sentence.
        capacity: Most tokens in a window.
        overlap: Tokens that two pieces of one sentence share.

    Yields:
        Windows in order; the ranges they keep follow each other without a gap.
    """
    start = stop = 0
    for length in lengths:
        if stop > start and stop + length - start > capacity:
            yield Window(start, stop, start, stop)
            start = stop
        stop += length
        if length > capacity:
            yield from _cut_long_sentence(start, stop, capacity, overlap)
            start = stop
    if stop > start:
        yield Window(start, stop, start, stop)


def _cut_long_sentence(start: int, stop: int, capacity: int, overlap: int) -> Iterator[Window]:
    keep_start = start
    while start + capacity < stop:
        keep_stop = start + capacity - overlap // 2
        yield Window(start, start + capacity, keep_start, keep_stop)
        keep_start = keep_stop
        start += capacity - overlap
    yield Window(start, stop, keep_start, stop)


def _special_tokens(tokenizer: Tokenizer) -> tuple[IntArray, IntArray]:
    encoding = tokenizer.encode("a")
    mask = encoding.special_tokens_mask
    first = mask.index(0) if 0 in mask else len(mask)
    last = first
    while last < len(mask) and mask[last] == 0:
        last += 1
    return np.array(encoding.ids[:first], dtype=np.int64), np.array(encoding.ids[last:], dtype=np.int64)


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
