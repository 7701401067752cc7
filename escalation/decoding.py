"""From token scores to sentences with stances, and spans."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from escalation.calibration import Calibration, lines_for, logit, sigmoid
from escalation.document import Sentence, Span, Word
from escalation.encoding import BoolArray, EncodedBlock, FloatArray, IntArray
from escalation.labels import LabelScheme

_RATIONALE_WORDS = 3
_LEAST_PROBABILITY = 1e-12
_BEGINS_SPANS = frozenset("([$£€¥")
_ENDS_SPANS = frozenset(".)]%°′″$£€¥")


class Decoder:
    """Reads spans and stances off the scores of a block's tokens; holds no state between calls.

    Args:
        labels: Which labels the scores are for.
        thresholds: For each stance, the least probability at which it holds.
        calibration: How scores become probabilities; by default they are taken as they are.
    """

    def __init__(
        self, labels: LabelScheme, thresholds: Mapping[str, float], calibration: Calibration | None = None
    ) -> None:
        self.labels = labels
        calibration = calibration or Calibration()
        self._stance_lines = lines_for(labels.stances, calibration.stances)
        self._span_lines = lines_for(labels.entity_labels, calibration.spans)
        self.thresholds = np.array([thresholds[stance] for stance in labels.stances], dtype=np.float32)

    def decode(
        self, text: str, block: EncodedBlock, scores: FloatArray, origins: Sequence[int] | None = None
    ) -> list[Sentence]:
        """Decode one block.

        Args:
            text: The text that the block was made from.
            block: The tokens of some sentences.
            scores: Their scores, shape ``(tokens, labels.score_count)``.
            origins: For each sentence where its document begins in ``text``; offsets count from there.

        Returns:
            The block's sentences in order, with the spans inside them.
        """
        shifts = [0] * len(block.bounds) if origins is None else origins
        words = np.flatnonzero(block.begins_word)
        spans = self._spans(text, block, words, scores, shifts)
        firsts = _firsts(block.sentences)
        votes = self._votes(scores, firsts)
        probabilities = self._probabilities(self._logits(scores, votes, block.sentences, firsts, len(block.bounds)))
        holds = probabilities >= self.thresholds
        rationales = self._rationales(block, words, scores, votes, holds, shifts)
        stances = self.labels.stances
        return [
            Sentence(
                start - shift,
                end - shift,
                text[start:end],
                tuple(stances[stance] for stance in sorted(held, key=lambda stance: -row[stance])),
                tuple(own_spans),
                scores=dict(zip(stances, rounded, strict=True)),
                rationale=rationale,
            )
            for (start, end), shift, held, own_spans, row, rounded, rationale in zip(
                block.bounds,
                shifts,
                _true_places(holds),
                spans,
                probabilities.tolist(),
                _rounded(probabilities),
                rationales,
                strict=True,
            )
        ]

    def tag_probabilities(self, block: EncodedBlock, scores: FloatArray) -> FloatArray:
        """Return the probability of each BIO tag for each word: the softmax of its tokens' mean logits.

        Args:
            block: The tokens of some sentences.
            scores: Their scores, shape ``(tokens, labels.score_count)``.

        Returns:
            Probabilities, shape ``(words, tags)``.
        """
        words = np.flatnonzero(block.begins_word)
        if not len(words):
            return np.empty((0, self.labels.tag_count), dtype=np.float32)
        return _softmax(_word_means(scores[:, self.labels.tag_slice], words))

    def stance_probabilities(self, block: EncodedBlock, scores: FloatArray) -> FloatArray:
        """Return the probability of each stance for each sentence, shape ``(sentences, stances)``."""
        return self._probabilities(self.stance_logits(scores, block.sentences, len(block.bounds)))

    def word_votes(self, block: EncodedBlock, scores: FloatArray) -> FloatArray:
        """Return how each word votes for its sentence's stances: its shares of all votes, then its mean values.

        Args:
            block: The tokens of some sentences.
            scores: Their scores, shape ``(tokens, labels.score_count)``.

        Returns:
            Shares, which add up to 1 for each sentence and stance, and values, shape ``(words, 2 * stances)``.
        """
        words = np.flatnonzero(block.begins_word)
        if not len(words):
            return np.empty((0, 2 * len(self.labels.stances)), dtype=np.float32)
        votes = self._votes(scores, _firsts(block.sentences))
        shares = np.add.reduceat(votes, words)
        values = np.add.reduceat(votes * scores[:, self.labels.value_slice], words)
        return np.concatenate([shares, values / np.maximum(shares, _LEAST_PROBABILITY)], axis=1)

    def stance_logits(self, scores: FloatArray, sentences: IntArray, count: int) -> FloatArray:
        """Let the tokens of each sentence vote: the mean of their values under the softmax of their weights.

        Args:
            scores: Token scores, shape ``(tokens, labels.score_count)``.
            sentences: Sentence of each token, ascending, shape ``(tokens,)``.
            count: Number of sentences.

        Returns:
            Logits, shape ``(count, stances)``; minus infinity for a sentence without tokens.
        """
        firsts = _firsts(sentences)
        return self._logits(scores, self._votes(scores, firsts), sentences, firsts, count)

    def _probabilities(self, logits: FloatArray) -> FloatArray:
        slopes, intercepts = self._stance_lines
        return sigmoid(logits * slopes + intercepts)

    def _votes(self, scores: FloatArray, firsts: IntArray) -> FloatArray:
        """Return each token's share of its sentence's votes for each stance, shape ``(tokens, stances)``."""
        weights = scores[:, self.labels.weight_slice]
        if not weights.size:
            return weights
        lengths = _lengths(firsts, len(scores))
        exponentials = np.exp(weights - np.maximum.reduceat(weights, firsts).repeat(lengths, axis=0))
        totals = np.add.reduceat(exponentials, firsts).repeat(lengths, axis=0)
        return np.asarray(exponentials / totals, dtype=np.float32)

    def _logits(
        self, scores: FloatArray, votes: FloatArray, sentences: IntArray, firsts: IntArray, count: int
    ) -> FloatArray:
        logits = np.full((count, len(self.labels.stances)), -np.inf, dtype=np.float32)
        if votes.size:
            logits[sentences[firsts]] = np.add.reduceat(votes * scores[:, self.labels.value_slice], firsts)
        return logits

    def _rationales(
        self,
        block: EncodedBlock,
        words: IntArray,
        scores: FloatArray,
        votes: FloatArray,
        holds: BoolArray,
        shifts: Sequence[int],
    ) -> list[dict[str, tuple[Word, ...]]]:
        """Return for each sentence and stance that holds the words that spoke most for it, with shares of the vote."""
        rationales: list[dict[str, tuple[Word, ...]]] = [{} for _ in block.bounds]
        if not len(words) or not holds.any():
            return rationales
        shares = np.add.reduceat(votes * np.maximum(scores[:, self.labels.value_slice], 0.0), words)
        borders = np.searchsorted(block.sentences[words], np.arange(len(block.bounds) + 1)).tolist()
        starts, ends = block.starts[words], block.ends[words + _lengths(words, len(block.ids)) - 1]
        for sentence, stance in np.argwhere(holds).tolist():
            first, last = borders[sentence : sentence + 2]
            own = shares[first:last, stance]
            total = float(own.sum())
            best = np.argsort(-own, kind="stable")[:_RATIONALE_WORDS]
            shift = shifts[sentence]
            rationales[sentence][self.labels.stances[stance]] = tuple(
                Word(start - shift, end - shift, round(share / total, 4))
                for start, end, share in zip(
                    starts[first + best].tolist(), ends[first + best].tolist(), own[best].tolist(), strict=True
                )
                if share > 0.0
            )
        return rationales

    def _spans(
        self, text: str, block: EncodedBlock, words: IntArray, scores: FloatArray, shifts: Sequence[int]
    ) -> list[list[Span]]:
        """Return the spans of each sentence."""
        spans: list[list[Span]] = [[] for _ in block.bounds]
        if not len(words) or not self.labels.entity_labels:
            return spans
        probabilities = self.tag_probabilities(block, scores)
        sentences = block.sentences[words]
        firsts, lasts, kinds = bio_spans(best_tags(probabilities, sentences), sentences)
        ends = block.ends[words + _lengths(words, len(block.ids)) - 1]
        by_kind = probabilities[:, 1::2] + probabilities[:, 2::2]
        slopes, intercepts = (values[kinds] for values in self._span_lines)
        span_scores = sigmoid(logit(_range_means(by_kind, firsts, lasts, kinds)) * slopes + intercepts)
        for start, end, kind, score, sentence in zip(
            block.starts[words[firsts]].tolist(),
            ends[lasts].tolist(),
            kinds.tolist(),
            _rounded(span_scores),
            sentences[firsts].tolist(),
            strict=True,
        ):
            start, end = _trim(text, start, end)
            if start < end:
                shift, label = shifts[sentence], self.labels.entity_labels[kind]
                spans[sentence].append(Span(start - shift, end - shift, label, text[start:end], score))
        return spans


def best_tags(probabilities: FloatArray, sentences: IntArray) -> IntArray:
    """Return the most probable tags in which every ``I-`` continues a span of its own label.

    Where the most probable tag of each word alone breaks that rule, its sentence is decoded by the Viterbi algorithm
    (Forney, 1973).

    Args:
        probabilities: Probability of each tag for each word, in the order of :attr:`LabelScheme.tags`, shape
            ``(words, tags)``.
        sentences: Sentence of each word, ascending, shape ``(words,)``.

    Returns:
        Tags, shape ``(words,)``.
    """
    tags = np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
    kinds = (tags + 1) // 2
    stray = (tags > 0) & (tags % 2 == 0)
    stray[1:] &= (kinds[1:] != kinds[:-1]) | (sentences[1:] != sentences[:-1])
    for sentence in np.unique(sentences[stray]):
        own = slice(*np.searchsorted(sentences, [sentence, sentence + 1]))
        tags[own] = _viterbi(np.log(np.maximum(probabilities[own], _LEAST_PROBABILITY)))
    return tags


def _viterbi(logarithms: FloatArray) -> list[int]:
    """Return the best path through the tags of one sentence, given their log-probabilities.

    There are few tags, and ``I-`` follows only the ``B-`` before it in their order or itself: plain numbers are faster
    than arrays.
    """
    first, *rest = logarithms.tolist()
    continues = [tag > 0 and tag % 2 == 0 for tag in range(len(first))]
    totals = [-math.inf if inside else value for inside, value in zip(continues, first, strict=True)]
    pointers = []
    for row in rest:
        best = totals.index(max(totals))
        sources = [
            best if not inside else tag - 1 if totals[tag - 1] >= totals[tag] else tag
            for tag, inside in enumerate(continues)
        ]
        totals = [totals[source] + value for source, value in zip(sources, row, strict=True)]
        pointers.append(sources)
    path = [totals.index(max(totals))]
    for sources in reversed(pointers):
        path.append(sources[path[-1]])
    return path[::-1]


def bio_spans(tags: IntArray, sentences: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Read spans off the BIO tags of words.

    An ``I-`` that does not continue a span of its own label begins one, and no span leaves its sentence.

    Args:
        tags: Tag of each word, in the order of :attr:`LabelScheme.tags`, shape ``(words,)``.
        sentences: Sentence of each word, shape ``(words,)``.

    Returns:
        For each span its first word, its last word and the index of its entity label, each of shape ``(spans,)``.
    """
    kinds = (tags + 1) // 2
    inside = kinds > 0
    begins = inside & (tags % 2 == 1)
    begins[1:] |= inside[1:] & ((kinds[1:] != kinds[:-1]) | (sentences[1:] != sentences[:-1]))
    begins[:1] = inside[:1]
    ends = inside.copy()
    ends[:-1] &= begins[1:] | ~inside[1:]
    firsts = np.flatnonzero(begins)
    return firsts, np.flatnonzero(ends), kinds[firsts] - 1


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out marks at the borders of a span, such as quotes and hyphens; sums of money and names may keep theirs."""
    while start < end and not text[start].isalnum() and text[start] not in _BEGINS_SPANS:
        start += 1
    while start < end and not text[end - 1].isalnum() and text[end - 1] not in _ENDS_SPANS:
        end -= 1
    return start, end


def _firsts(groups: IntArray) -> IntArray:
    """Return where runs of the same number begin."""
    begins = np.ones(len(groups), dtype=np.bool_)
    np.not_equal(groups[1:], groups[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _lengths(firsts: IntArray, count: int) -> IntArray:
    """Return the lengths of runs that begin at ``firsts`` and fill ``count`` places."""
    lengths = np.empty_like(firsts)
    np.subtract(firsts[1:], firsts[:-1], out=lengths[:-1])
    lengths[-1:] = count - firsts[-1:]
    return lengths


def _true_places(mask: BoolArray) -> list[list[int]]:
    """Return for each row of a mask the columns where it is true."""
    return [[column for column, value in enumerate(row) if value] for row in mask.tolist()]


def _word_means(scores: FloatArray, words: IntArray) -> FloatArray:
    lengths = _lengths(words, len(scores))[:, None]
    return np.asarray(np.add.reduceat(scores, words) / lengths, dtype=np.float32)


def _range_means(values: FloatArray, firsts: IntArray, lasts: IntArray, columns: IntArray) -> FloatArray:
    """Mean of a column over each range of rows, the last row included."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    means = (sums[lasts + 1, columns] - sums[firsts, columns]) / (lasts + 1 - firsts)
    return np.asarray(np.clip(means, 0.0, 1.0), dtype=np.float32)


def _softmax(logits: FloatArray) -> FloatArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)


def _rounded(probabilities: FloatArray) -> Any:
    """Return probabilities as Python numbers of four digits."""
    return np.round(probabilities.astype(np.float64), 4).tolist()
