from dataclasses import replace

import pytest
from tokenizers import Tokenizer

from escalation.document import Document, Span
from escalation.encoding import WindowEncoder
from escalation.labels import LabelScheme
from escalation.modeling import IGNORED
from escalation.training_data import WindowCollator, encode_documents, token_tags
from tests.articles import labelled_articles

LABELS = LabelScheme()


def test_tokens_of_a_span_carry_its_tags(tokenizer: Tokenizer) -> None:
    document = labelled_articles()[0]
    block = WindowEncoder(tokenizer).encode(document.text, [(s.start, s.end) for s in document.sentences])
    tags = token_tags(document, block, LABELS)
    for span in document.spans:
        inside = (block.starts >= span.start) & (block.ends <= span.end)
        first_word_end = span.start + len(span.text.split()[0])
        begin = LABELS.begin_tag(span.label)
        assert set(tags[inside & (block.ends <= first_word_end)]) == {begin}
        assert set(tags[inside & (block.starts >= first_word_end)]) <= {begin + 1}
    inside_any = sum((block.starts >= span.start) & (block.ends <= span.end) for span in document.spans)
    assert (tags[inside_any == 0] == 0).all()


def test_windows_become_padded_batches(tokenizer: Tokenizer) -> None:
    encoder = WindowEncoder(tokenizer, window_tokens=40, window_overlap=8)
    encoded, rows = encode_documents(labelled_articles(), encoder, LABELS)
    assert len(rows) == sum(len(item.block.windows) for item in encoded) > len(encoded)
    batch = WindowCollator(pad_token_id=0, labels=LABELS)(rows.select(range(3)).to_list())
    tokens = batch["input_ids"].shape
    assert tokens == batch["attention_mask"].shape == batch["sentences"].shape
    assert batch["tags"].shape == (*tokens, LABELS.tag_count)
    assert (batch["input_ids"][:, 0] == 2).all()
    for row, mask, tags, sentences in zip(
        rows.select(range(3)).to_list(), batch["attention_mask"], batch["tags"], batch["sentences"], strict=True
    ):
        length = int(mask.sum())
        assert length == len(row["input_ids"])
        assert tags.sum(dim=1).tolist() == [0.0] + [1.0] * (length - 2) + [0.0] * (tokens[1] - length + 1)
        assert (sentences[length - 1 :] == -1).all()
        assert sentences.max() + 1 == len(row["stances"])
    assert (batch["stances"] == IGNORED).any()


def test_spans_alone_can_be_learnt(tokenizer: Tokenizer) -> None:
    documents = [
        replace(document, sentences=tuple(replace(sentence, stances=()) for sentence in document.sentences))
        for document in labelled_articles()
    ]
    labels = LabelScheme(stances=())
    _, rows = encode_documents(documents, WindowEncoder(tokenizer), labels)
    assert WindowCollator(0, labels)(rows.select(range(2)).to_list())["stances"].shape[-1] == 0


def test_labels_that_the_model_lacks_are_named(tokenizer: Tokenizer) -> None:
    document = labelled_articles()[0]
    with pytest.raises(ValueError, match="document 'leopards' has the stance"):
        encode_documents([document], WindowEncoder(tokenizer), LabelScheme(stances=("escalation", "diplomacy")))
    first = document.spans[0]
    other = Document.build(
        document.text, document.sentences, [Span(first.start, first.end, "CITY", first.text)], id="x"
    )
    with pytest.raises(ValueError, match="document 'x' has a span labelled 'CITY'"):
        encode_documents([other], WindowEncoder(tokenizer), LABELS)
