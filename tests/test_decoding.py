from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from escalation.decoding import Decoder, best_tags, bio_spans
from escalation.document import Span
from escalation.encoding import EncodedBlock, FloatArray, Window
from escalation.labels import LabelScheme
from escalation.modeling import pool_stance_logits

LABELS = LabelScheme()
DECODER = Decoder(LABELS, dict.fromkeys(LABELS.stances, 0.5))
OUTSIDE, B_WEAPON, I_WEAPON, B_ACTOR, I_ACTOR = range(5)


def block_of_words(text: str, sentence_of_word: list[int]) -> EncodedBlock:
    """Return a block in which every word is one token."""
    ends = np.cumsum([len(word) + 1 for word in text.split()]) - 1
    starts = np.append(0, ends[:-1] + 1)
    sentences = np.array(sentence_of_word)
    bounds = [(int(starts[sentences == i][0]), int(ends[sentences == i][-1])) for i in range(sentences.max() + 1)]
    count = len(sentences)
    windows = [Window(0, count, 0, count)]
    none = np.zeros(count, int)
    return EncodedBlock(bounds, none, starts, ends, sentences, np.ones(count, bool), none, windows)


def scores_of(tags: list[int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    scores = np.zeros((len(tags), LABELS.score_count), dtype=np.float32)
    scores[np.arange(len(tags)), tags] = 10.0
    scores[:, LABELS.value_slice] = -10.0
    return scores


def spans_of(text: str, block: EncodedBlock, scores: FloatArray) -> list[Span]:
    return [span for sentence in DECODER.decode(text, block, scores) for span in sentence.spans]


@given(st.lists(st.integers(0, 4), min_size=1), st.data())
def test_bio_spans_cover_the_tagged_words_and_stay_in_a_sentence(tags: list[int], data: st.DataObject) -> None:
    jumps = data.draw(st.lists(st.integers(0, 1), min_size=len(tags), max_size=len(tags)))
    sentences = np.cumsum(jumps)
    firsts, lasts, kinds = bio_spans(np.array(tags), sentences)
    covered = [word for first, last in zip(firsts, lasts, strict=True) for word in range(first, last + 1)]
    assert covered == [word for word, tag in enumerate(tags) if tag != OUTSIDE]
    for first, last, kind in zip(firsts, lasts, kinds, strict=True):
        assert sentences[first] == sentences[last]
        assert all(tag == 2 + 2 * kind for tag in tags[first + 1 : last + 1])
        assert tags[first] in {1 + 2 * kind, 2 + 2 * kind}


def test_neighbouring_spans_of_one_label_stay_apart() -> None:
    firsts, lasts, _ = bio_spans(np.array([B_ACTOR, B_ACTOR, I_ACTOR, I_WEAPON]), np.zeros(4, int))
    assert list(zip(firsts.tolist(), lasts.tolist(), strict=True)) == [(0, 0), (1, 2), (3, 3)]


def test_spans_have_text_label_and_score() -> None:
    text = "Berlin sends Leopard tanks"
    spans = spans_of(text, block_of_words(text, [0] * 4), scores_of([B_ACTOR, OUTSIDE, B_WEAPON, I_WEAPON]))
    assert [(span.text, span.label) for span in spans] == [("Berlin", "ACTOR"), ("Leopard tanks", "WEAPON")]
    assert all(span.score is not None and span.score > 0.99 for span in spans)


@pytest.mark.parametrize(("text", "expected"), [("“ Grad ”", ["Grad"]), ("- U.S. ,", ["U.S."]), ("- — ”", [])])
def test_marks_at_the_borders_of_spans_are_left_out(text: str, expected: list[str]) -> None:
    spans = spans_of(text, block_of_words(text, [0] * 3), scores_of([B_WEAPON, I_WEAPON, I_WEAPON]))
    assert [span.text for span in spans] == expected


def test_pieces_of_a_word_decide_together() -> None:
    text = "Shahed hit"
    block = block_of_words(text, [0, 0])
    pieces = EncodedBlock(
        block.bounds, np.zeros(3, int), np.array([0, 3, 7]), np.array([3, 6, 10]), np.zeros(3, int),
        np.array([True, False, True]), np.zeros(3, int), [Window(0, 3, 0, 3)],
    )  # fmt: skip
    scores = scores_of([OUTSIDE, B_WEAPON, OUTSIDE])
    scores[0, OUTSIDE] = 1.0
    spans = spans_of(text, pieces, scores)
    assert [span.text for span in spans] == ["Shahed"]


def test_stances_stand_most_probable_first_with_scores_and_rationale() -> None:
    text = "talks began shells fell quiet night"
    block = block_of_words(text, [0, 0, 0, 0, 1, 1])
    scores = scores_of([OUTSIDE] * 6)
    escalation, diplomacy = LABELS.stances.index("escalation"), LABELS.stances.index("diplomacy")
    values, weights = LABELS.value_slice.start, LABELS.weight_slice.start
    scores[2, [weights + escalation, values + escalation]] = 9.0, 4.0
    scores[0, [weights + diplomacy, values + diplomacy]] = 9.0, 2.0
    first, second = DECODER.decode(text, block, scores)
    assert first.stances == ("escalation", "diplomacy")
    assert first.scores["escalation"] > first.scores["diplomacy"] > 0.5 > first.scores["retaliation"]
    word = first.rationale["escalation"][0]
    assert (text[word.start : word.end], word.score) == ("shells", 1.0)
    assert (second.stance, second.rationale) == ("none", {})


def test_offsets_count_from_where_the_document_begins() -> None:
    text = "talks began Berlin sends Leopard tanks"
    block = block_of_words(text, [0, 0, 1, 1, 1, 1])
    scores = scores_of([OUTSIDE, OUTSIDE, B_ACTOR, OUTSIDE, B_WEAPON, I_WEAPON])
    scores[:, LABELS.value_slice] = 1.0
    first, second = DECODER.decode(text, block, scores, [0, 12])
    own = text[12:]
    assert (first.start, first.end, second.start, second.end) == (0, 11, 0, len(own))
    assert [own[span.start : span.end] for span in second.spans] == ["Berlin", "Leopard tanks"]
    assert {own[word.start : word.end] for words in second.rationale.values() for word in words} <= set(own.split())
    assert len(second.rationale) == 3


def test_thresholds_decide() -> None:
    text = "talks began"
    strict = Decoder(LABELS, {"escalation": 0.5, "retaliation": 0.5, "diplomacy": 0.9})
    scores = scores_of([OUTSIDE, OUTSIDE])
    scores[:, LABELS.value_slice.start + LABELS.stances.index("diplomacy")] = 1.0
    block = block_of_words(text, [0, 0])
    assert DECODER.decode(text, block, scores)[0].stance == "diplomacy"
    assert strict.decode(text, block, scores)[0].stance == "none"


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_the_vote_is_that_of_the_model(lengths: list[int], seed: int) -> None:
    sentences = np.repeat(np.arange(len(lengths)), lengths)
    scores = np.random.default_rng(seed).normal(0, 5, (len(sentences), LABELS.score_count)).astype(np.float32)
    ours = DECODER.stance_logits(scores, sentences, len(lengths))
    tensor = torch.from_numpy(scores)[None]
    theirs = pool_stance_logits(
        tensor[..., LABELS.weight_slice],
        tensor[..., LABELS.value_slice],
        torch.from_numpy(sentences)[None],
        len(lengths),
    )[0].numpy()
    for index, length in enumerate(lengths):
        if length:
            assert ours[index] == pytest.approx(theirs[index], abs=1e-4)
        else:
            assert np.isneginf(ours[index]).all()


def naive_best_path(probabilities: FloatArray) -> float:
    """The probability of the best sequence of tags without stray I-, by trying all."""
    best = 0.0
    for path in product(range(probabilities.shape[1]), repeat=len(probabilities)):
        before = [0, *path[:-1]]
        if all(
            tag == 0 or tag % 2 or (last + 1) // 2 == (tag + 1) // 2 for last, tag in zip(before, path, strict=True)
        ):
            best = max(best, float(np.prod([row[tag] for row, tag in zip(probabilities, path, strict=True)])))
    return best


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_tags_are_the_most_probable_legal_ones(seed: int, words: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(5, 0.5), size=words).astype(np.float32)
    tags = best_tags(probabilities, np.zeros(words, dtype=np.int64))
    found = float(np.prod(probabilities[np.arange(words), tags].astype(np.float64)))
    assert found == pytest.approx(naive_best_path(probabilities), rel=1e-4)
    firsts, _, _ = bio_spans(tags, np.zeros(words, dtype=np.int64))
    assert all(tags[first] % 2 for first in firsts)


def test_sentences_are_decoded_apart() -> None:
    inside, outside = [0.0, 0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]
    begins = [0.0, 0.6, 0.4, 0.0, 0.0]
    probabilities = np.array([begins, inside, inside, outside], dtype=np.float32)
    together = best_tags(probabilities, np.array([0, 0, 0, 0]))
    assert together.tolist() == [1, 2, 2, 0]
    apart = best_tags(np.array([begins, [0.2, 0.3, 0.5, 0.0, 0.0], outside], dtype=np.float32), np.array([0, 1, 1]))
    assert apart.tolist() == [1, 1, 0]
