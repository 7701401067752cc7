import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from escalation import tokens as module
from escalation.segmentation import split_sentences
from escalation.tokens import ChunkTokenizer, Tokens, cuts_at_spaces, tokenize
from tests.strategies import texts


def assert_same(first: Tokens, second: Tokens) -> None:
    for ours, theirs in zip(first, second, strict=True):
        assert ours.tolist() == theirs.tolist()


@given(st.lists(texts, min_size=1, max_size=4))
def test_chunks_looked_up_are_those_tokenized(tokenizer: Tokenizer, several: list[str]) -> None:
    chunks = ChunkTokenizer(tokenizer)
    for text in [*several, *several]:
        bounds = split_sentences(text)
        assert_same(chunks(text, bounds), tokenize(tokenizer, text, bounds))


@given(texts, st.data())
def test_sentences_may_begin_and_end_anywhere(tokenizer: Tokenizer, text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    bounds = list(zip(cuts[::2], cuts[1::2], strict=False))
    assert_same(ChunkTokenizer(tokenizer)(text, bounds), tokenize(tokenizer, text, bounds))


def test_what_is_kept_is_bounded(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_TOKENS_KEPT", 50)
    chunks = ChunkTokenizer(tokenizer)
    for number in range(100):
        text = f"Shahed-{number} drones hit Kyiv"
        found = chunks(text, [(0, len(text))])
        assert_same(found, tokenize(tokenizer, text, [(0, len(text))]))
        assert len(chunks._known.tokens.ids) < 100
    assert np.unique(found.sentences).tolist() == [0]


def test_only_tokenizers_that_cut_at_spaces_look_chunks_up(tokenizer: Tokenizer) -> None:
    assert cuts_at_spaces(tokenizer)
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel()
    assert not cuts_at_spaces(pieces)
