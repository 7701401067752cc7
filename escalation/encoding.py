"""From sentences to windows: tokens with their character offsets, packed into sequences that the encoder reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from escalation.tokens import BoolArray, ChunkTokenizer, IntArray, Shape, Tokens, cuts_at_spaces, tokenize

FloatArray = npt.NDArray[np.float32]

__all__ = ["BoolArray", "EncodedBlock", "FloatArray", "IntArray", "Shape", "Window", "WindowEncoder", "pack_windows"]


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
        self._tokenize: Callable[[str, Sequence[tuple[int, int]]], Tokens] = (
            ChunkTokenizer(tokenizer) if cuts_at_spaces(tokenizer) else partial(tokenize, tokenizer)
        )
        self.prefix, self.suffix = _special_tokens(tokenizer)
        self.capacity = window_tokens - len(self.prefix) - len(self.suffix)
        self.overlap = window_overlap
        if self.capacity < 1 or not 0 <= window_overlap < self.capacity:
            raise ValueError(
                f"window_overlap ({window_overlap}) must be at least 0 and below the {self.capacity} tokens of text "
                f"that a window of {window_tokens} tokens holds"
            )

    def encode(
        self, text: str, bounds: Sequence[tuple[int, int]], document_starts: Sequence[int] = (0,)
    ) -> EncodedBlock:
        """Tokenize sentences and lay out their windows.

        Args:
            text: The document's whole text, or the texts of several documents one after the other.
            bounds: Character offsets (start, end) of consecutive sentences.
            document_starts: Index of the first sentence of each document; no window holds sentences of two.
        """
        tokens = self._tokenize(text, bounds)
        lengths = np.bincount(tokens.sentences, minlength=len(bounds)).tolist()
        windows, first = [], 0
        for start, stop in pairwise([*document_starts, len(bounds)]):
            for window in pack_windows(lengths[start:stop], self.capacity, self.overlap):
                windows.append(Window(*(first + token for token in window)))
            first += sum(lengths[start:stop])
        return EncodedBlock(bounds, *tokens, windows)

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
