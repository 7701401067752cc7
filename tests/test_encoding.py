import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from escalation.encoding import Shape, WindowEncoder, pack_windows
from escalation.segmentation import split_sentences
from tests.strategies import texts


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(2, 20), st.data())
def test_windows_cover_every_token_once(lengths: list[int], capacity: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, capacity - 1))
    windows = list(pack_windows(lengths, capacity, overlap))
    assert [token for window in windows for token in range(window.keep_start, window.keep_stop)] == list(
        range(sum(lengths))
    )
    assert all(window.start <= window.keep_start < window.keep_stop <= window.stop for window in windows)
    assert all(window.stop - window.start <= capacity for window in windows)


def test_whole_sentences_share_a_window_and_long_ones_are_cut() -> None:
    assert [window[:2] for window in pack_windows([3, 3, 3, 2], 6, 2)] == [(0, 6), (6, 11)]
    assert [tuple(window) for window in pack_windows([2, 10, 2], 6, 2)] == [
        (0, 2, 0, 2),
        (2, 8, 2, 7),
        (6, 12, 7, 12),
        (12, 14, 12, 14),
    ]


@given(texts)
def test_offsets_point_into_the_document(tokenizer: Tokenizer, text: str) -> None:
    bounds = split_sentences(text)
    encoder = WindowEncoder(tokenizer, window_tokens=12, window_overlap=4)
    block = encoder.encode(text, bounds)
    assert len(block.ids) == len(block.starts) == len(block.ends) == len(block.sentences) == len(block.begins_word)
    for start, end, sentence in zip(block.starts, block.ends, block.sentences, strict=True):
        assert bounds[sentence][0] <= start <= end <= bounds[sentence][1]
    assert (np.diff(block.sentences) >= 0).all()
    assert (np.diff(block.starts) >= 0).all()


@given(texts)
def test_scores_of_windows_are_put_together_in_token_order(tokenizer: Tokenizer, text: str) -> None:
    encoder = WindowEncoder(tokenizer, window_tokens=12, window_overlap=4)
    block = encoder.encode(text, split_sentences(text))
    scores = [encoder.window_inputs(block, window).T.astype(np.float32) for window in block.windows]
    assert all(len(window_scores) <= 12 for window_scores in scores)
    gathered = encoder.gather(block, scores).reshape(-1, 2)
    assert gathered[:, 0].tolist() == block.ids.tolist()
    assert gathered[:, 1].tolist() == block.shapes.tolist()


def test_words_are_runs_of_letters_and_digits(tokenizer: Tokenizer) -> None:
    text = "Shahed-136 drones hit Kyiv's port."
    block = WindowEncoder(tokenizer).encode(text, [(0, len(text))])
    firsts = np.flatnonzero(block.begins_word)
    lasts = np.append(firsts[1:], len(block.ids)) - 1
    words = [text[start:end] for start, end in zip(block.starts[firsts], block.ends[lasts], strict=True)]
    assert words == ["Shahed", "-", "136", "drones", "hit", "Kyiv", "'", "s", "port", "."]
    assert len(block.ids) > len(words)


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("missiles", Shape.LOWER),
        ("Kyiv", Shape.TITLE),
        ("NATO", Shape.CAPITALS),
        ("I", Shape.CAPITALS),
        ("McDonald", Shape.MIXED),
        ("iPhone", Shape.MIXED),
        ("F16", Shape.DIGITS),
        ("2024", Shape.DIGITS),
        ("—", Shape.OTHER),
        ("Élysée", Shape.TITLE),
        ("İstanbul", Shape.TITLE),
        ("صواريخ", Shape.LOWER),
    ],
)
def test_words_have_shapes(tokenizer: Tokenizer, word: str, shape: Shape) -> None:
    text = f"the {word} x"
    block = WindowEncoder(tokenizer).encode(text, [(0, len(text))])
    own = (block.starts >= 4) & (block.starts < 4 + len(word))
    assert set(block.shapes[own]) == {shape}
    assert set(block.shapes[~own]) == {Shape.LOWER}


@pytest.mark.parametrize("word", ["Zele\u0301nskyy", "صواريخ", "İstanbul", "हथियार"])
def test_accents_do_not_cut_words(tokenizer: Tokenizer, word: str) -> None:
    block = WindowEncoder(tokenizer).encode(word, [(0, len(word))])
    assert block.begins_word.tolist() == [True] + [False] * (len(block.ids) - 1)
    assert (block.starts[0], block.ends[-1]) == (0, len(word))


def test_white_space_in_front_of_a_token_is_left_out() -> None:
    text = "Kyiv\u2009fired  missiles"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(show_progress=False))
    block = WindowEncoder(tokenizer).encode(text, [(0, len(text))])
    firsts = np.flatnonzero(block.begins_word)
    lasts = np.append(firsts[1:], len(block.ids)) - 1
    words = [text[start:end] for start, end in zip(block.starts[firsts], block.ends[lasts], strict=True)]
    assert words == ["Kyiv", "fired", "missiles"]


def test_truncation_and_padding_of_the_tokenizer_are_switched_off(tokenizer: Tokenizer) -> None:
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    text = "tanks " * 50
    block = WindowEncoder(tokenizer, window_tokens=16, window_overlap=4).encode(text, [(0, len(text) - 1)])
    assert block.ends[-1] == len(text) - 1
    assert len(WindowEncoder(tokenizer).encode("to", [(0, 2)]).ids) < 8


@pytest.mark.parametrize(("window", "overlap"), [(2, 0), (10, 8), (10, -1)])
def test_windows_without_room_are_refused(tokenizer: Tokenizer, window: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="window_overlap"):
        WindowEncoder(tokenizer, window, overlap)
