"""From token scores to sentences with stances, and spans."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from escalation.calibration import Calibration, lines_for, logit, sigmoid
from escalation.document import Sentence, Span, Word
from escalation.encoding import EncodedBlock, FloatArray, IntArray
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

    def decode(self, text: str, block: EncodedBlock, scores: FloatArray) -> tuple[list[Sentence], list[Span]]:
        """Decode one block.

        Args:
            text: The document's whole text.
            block: The tokens of some sentences.
            scores: Their scores, shape ``(tokens, labels.score_count)``.

        Returns:
            The block's sentences (without spans) and its spans, both in text order.
        """
        words = np.flatnonzero(block.begins_word)
        return self._sentences(text, block, words, scores), self._spans(text, block, words, scores)

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
        slopes, intercepts = self._stance_lines
        return sigmoid(self.stance_logits(scores, block.sentences, len(block.bounds)) * slopes + intercepts)

    def stance_logits(self, scores: FloatArray, sentences: IntArray, count: int) -> FloatArray:
        """Let the tokens of each sentence vote: the mean of their values under the softmax of their weights.

        Args:
            scores: Token scores, shape ``(tokens, labels.score_count)``.
            sentences: Sentence of each token, ascending, shape ``(tokens,)``.
            count: Number of sentences.

        Returns:
            Logits, shape ``(count, stances)``; minus infinity for a sentence without tokens.
        """
        logits = np.full((count, len(self.labels.stances)), -np.inf, dtype=np.float32)
        if len(scores) and self.labels.stances:
            voters, firsts = np.unique(sentences, return_index=True)
            votes = self._votes(scores, firsts)
            logits[voters] = np.add.reduceat(votes * scores[:, self.labels.value_slice], firsts)
        return logits

    def _votes(self, scores: FloatArray, firsts: IntArray) -> FloatArray:
        weights = scores[:, self.labels.weight_slice]
        lengths = np.diff(np.append(firsts, len(scores)))
        exponentials = np.exp(weights - np.repeat(np.maximum.reduceat(weights, firsts), lengths, axis=0))
        votes: FloatArray = exponentials / np.repeat(np.add.reduceat(exponentials, firsts), lengths, axis=0)
        return votes

    def _sentences(self, text: str, block: EncodedBlock, words: IntArray, scores: FloatArray) -> list[Sentence]:
        stances = self.labels.stances
        probabilities = self.stance_probabilities(block, scores)
        holds = probabilities >= self.thresholds
        first_tokens = np.searchsorted(block.sentences, np.arange(len(block.bounds) + 1))
        ranking = np.argsort(-probabilities, axis=1, kind="stable")
        sentences = []
        for index, (start, end) in enumerate(block.bounds):
            tokens = slice(first_tokens[index], first_tokens[index + 1])
            held = [stance for stance in ranking[index] if holds[index, stance]]
            sentences.append(
                Sentence(
                    start,
                    end,
                    text[start:end],
                    tuple(stances[stance] for stance in held),
                    scores={
                        name: round(float(value), 4) for name, value in zip(stances, probabilities[index], strict=True)
                    },
                    rationale={
                        stances[stance]: self._rationale(block, words, scores, tokens, stance) for stance in held
                    },
                )
            )
        return sentences

    def _rationale(
        self, block: EncodedBlock, words: IntArray, scores: FloatArray, tokens: slice, stance: int
    ) -> tuple[Word, ...]:
        """Return the words that spoke most for a stance, each with its share of the votes for it."""
        own = scores[tokens]
        in_favour = self._votes(own, np.zeros(1, dtype=np.int64)) * np.maximum(own[:, self.labels.value_slice], 0.0)
        first, last = np.searchsorted(words, [tokens.start, tokens.stop])
        own_words = words[first:last]
        shares = np.add.reduceat(in_favour[:, stance], own_words - tokens.start)
        total = float(shares.sum())
        if total <= 0.0:
            return ()
        ends = np.append(own_words[1:], tokens.stop) - 1
        best = np.argsort(-shares, kind="stable")[:_RATIONALE_WORDS]
        return tuple(
            Word(
                int(block.starts[own_words[word]]),
                int(block.ends[ends[word]]),
                round(float(shares[word]) / total, 4),
            )
            for word in best
            if shares[word] > 0.0
        )

    def _spans(self, text: str, block: EncodedBlock, words: IntArray, scores: FloatArray) -> list[Span]:
        if not len(words) or not self.labels.entity_labels:
            return []
        probabilities = self.tag_probabilities(block, scores)
        sentences = block.sentences[words]
        firsts, lasts, kinds = bio_spans(best_tags(probabilities, sentences), sentences)
        ends = block.ends[np.append(words[1:], len(block.ids)) - 1]
        by_kind = probabilities[:, 1::2] + probabilities[:, 2::2]
        slopes, intercepts = (values[kinds] for values in self._span_lines)
        span_scores = sigmoid(logit(_range_means(by_kind, firsts, lasts, kinds)) * slopes + intercepts)
        spans = []
        for start, end, kind, score in zip(
            block.starts[words[firsts]].tolist(),
            ends[lasts].tolist(),
            kinds.tolist(),
            span_scores.tolist(),
            strict=True,
        ):
            start, end = _trim(text, start, end)
            if start < end:
                spans.append(Span(start, end, self.labels.entity_labels[kind], text[start:end], round(score, 4)))
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


def _viterbi(logarithms: FloatArray) -> IntArray:
    """Return the best path through the tags of one sentence, given their log-probabilities."""
    count = logarithms.shape[1]
    tag = np.arange(count)
    continues = (tag > 0) & (tag % 2 == 0)
    same_label = (tag[:, None] + 1) // 2 == (tag + 1) // 2
    forbidden = np.where(continues & ~same_label, -np.inf, 0.0)
    totals = np.where(continues, -np.inf, logarithms[0])
    pointers = np.zeros(logarithms.shape, dtype=np.int64)
    for word in range(1, len(logarithms)):
        paths = totals[:, None] + forbidden
        pointers[word] = paths.argmax(axis=0)
        totals = paths[pointers[word], tag] + logarithms[word]
    path = np.empty(len(logarithms), dtype=np.int64)
    path[-1] = totals.argmax()
    for word in range(len(logarithms) - 1, 0, -1):
        path[word - 1] = pointers[word, path[word]]
    return path


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


def _word_means(scores: FloatArray, words: IntArray) -> FloatArray:
    lengths = np.diff(np.append(words, len(scores)))[:, None]
    return np.asarray(np.add.reduceat(scores, words) / lengths, dtype=np.float32)


def _range_means(values: FloatArray, firsts: IntArray, lasts: IntArray, columns: IntArray) -> FloatArray:
    """Mean of a column over each range of rows, the last row included."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    means = (sums[lasts + 1, columns] - sums[firsts, columns]) / (lasts + 1 - firsts)
    return np.asarray(np.clip(means, 0.0, 1.0), dtype=np.float32)


def _softmax(logits: FloatArray) -> FloatArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)
