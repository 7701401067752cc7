"""Documents as training examples: windows of token ids with tags, sentence indices and stances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor

from escalation.document import Document
from escalation.encoding import EncodedBlock, FloatArray, IntArray, WindowEncoder
from escalation.labels import LabelScheme, labels_in
from escalation.modeling import IGNORED


@dataclass(frozen=True)
class EncodedDocument:
    """A labelled document and its tokens; its windows are consecutive rows of the data set."""

    document: Document
    block: EncodedBlock


def encode_documents(
    documents: Sequence[Document], encoder: WindowEncoder, labels: LabelScheme
) -> tuple[list[EncodedDocument], Dataset]:
    """Turn labelled documents into windows.

    Where no document has a span, the tags take no part in the loss; where none has a stance, the stances do not.

    Args:
        documents: Documents with sentences; those without any are left out.
        encoder: Tokenizes and packs the sentences.
        labels: The labels that the model learns.

    Returns:
        The encoded documents, and a data set with a row for each of their windows, in the same order. Columns:
        ``input_ids``, ``shapes`` and ``sentences`` (a number for every token), ``tags`` (for every token a row of
        target probabilities), ``stances`` (for every sentence of the window a row of target probabilities) and
        ``votes`` (for every token a row of zeros: how it votes is left to the model).

    Raises:
        ValueError: A document carries a label that is not among ``labels``.
    """
    encoded = [_encode(document, encoder) for document in documents if document.sentences]
    used = labels_in(documents)
    rows = []
    for item in encoded:
        tags, stances = document_targets(item.document, item.block, labels)
        rows += window_rows(
            item.block,
            encoder,
            tags if used.entity_labels else np.zeros_like(tags),
            stances if used.stances else np.full_like(stances, IGNORED),
        )
    return encoded, Dataset.from_list(rows)


def window_rows(
    block: EncodedBlock,
    encoder: WindowEncoder,
    tags: FloatArray,
    stances: FloatArray,
    votes: FloatArray | None = None,
) -> list[dict[str, Any]]:
    """Cut the targets of a block into the rows of a data set, one for each window.

    Args:
        block: The tokens.
        encoder: Encoded them.
        tags: Target probabilities of the tokens' tags, shape ``(tokens, tags)``.
        stances: Target probabilities of the sentences' stances, shape ``(sentences, stances)``.
        votes: How the tokens are to vote, shape ``(tokens, 2 * stances)``; by default it is left to them.
    """
    votes = np.zeros((len(block.ids), 2 * stances.shape[1]), dtype=np.float32) if votes is None else votes
    frame = (len(encoder.prefix), len(encoder.suffix))
    rows = []
    for window in block.windows:
        own = slice(window.start, window.stop)
        input_ids, shapes = encoder.window_inputs(block, window)
        first, last = block.sentences[window.start], block.sentences[window.stop - 1]
        rows.append(
            {
                "input_ids": input_ids,
                "shapes": shapes,
                "sentences": np.pad(block.sentences[own] - first, frame, constant_values=-1),
                "tags": list(np.pad(tags[own], (frame, (0, 0)))),
                "stances": list(stances[first : last + 1]),
                "votes": list(np.pad(votes[own], (frame, (0, 0)))),
            }
        )
    return rows


def document_targets(document: Document, block: EncodedBlock, labels: LabelScheme) -> tuple[FloatArray, FloatArray]:
    """Return a document's labels as probabilities.

    Args:
        document: A labelled document.
        block: Its tokens.
        labels: The labels that the model learns.

    Returns:
        Those of the tokens' tags, shape ``(tokens, tags)``, and of the sentences' stances, shape ``(sentences,
        stances)``.

    Raises:
        ValueError: The document carries a label that is not among ``labels``.
    """
    _check_stances(document, labels)
    tags = np.eye(labels.tag_count, dtype=np.float32)[token_tags(document, block, labels)]
    vectors = [labels.stance_vector(sentence.stances) for sentence in document.sentences]
    return tags, np.array(vectors, dtype=np.float32).reshape(len(vectors), len(labels.stances))


def token_tags(document: Document, block: EncodedBlock, labels: LabelScheme) -> IntArray:
    """Return the BIO tag of each token; all tokens of a word carry the word's tag, shape ``(tokens,)``.

    Raises:
        ValueError: A span carries a label that is not among ``labels``.
    """
    tags = np.zeros(len(block.ids), dtype=np.int64)
    word_of_token = np.cumsum(block.begins_word)
    for span in document.spans:
        if span.label not in labels.entity_labels:
            raise ValueError(
                f"document {document.id!r} has a span labelled {span.label!r}; "
                f"the model's entity labels are {', '.join(labels.entity_labels)}"
            )
        first = int(np.searchsorted(block.ends, span.start, side="right"))
        last = int(np.searchsorted(block.starts, span.end, side="left"))
        if first < last:
            words = word_of_token[first:last]
            tags[first:last] = np.where(words == words[0], 0, 1) + labels.begin_tag(span.label)
    return tags


def _encode(document: Document, encoder: WindowEncoder) -> EncodedDocument:
    bounds = [(sentence.start, sentence.end) for sentence in document.sentences]
    return EncodedDocument(document, encoder.encode(document.text, bounds))


def _check_stances(document: Document, labels: LabelScheme) -> None:
    for sentence in document.sentences:
        unknown = set(sentence.stances) - set(labels.stances)
        if unknown:
            raise ValueError(
                f"document {document.id!r} has the stance {min(unknown)!r}; "
                f"the model's stances are {', '.join(labels.stances)}"
            )


@dataclass(frozen=True)
class WindowCollator:
    """Pads windows to the longest of a batch.

    Attributes:
        pad_token_id: Token id of padding.
        labels: The labels that the model learns.
    """

    pad_token_id: int
    labels: LabelScheme

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return ``input_ids``, ``attention_mask``, ``shapes`` and the targets as tensors."""
        shape = (len(rows), max(len(row["input_ids"]) for row in rows))
        longest = max(len(row["stances"]) for row in rows)
        batch = {
            "input_ids": torch.full(shape, self.pad_token_id),
            "attention_mask": torch.zeros(shape, dtype=torch.int64),
            "shapes": torch.zeros(shape, dtype=torch.int64),
            "tags": torch.zeros((*shape, self.labels.tag_count)),
            "sentences": torch.full(shape, -1),
            "stances": torch.full((len(rows), longest, len(self.labels.stances)), float(IGNORED)),
            "votes": torch.zeros((*shape, 2 * len(self.labels.stances))),
        }
        for index, row in enumerate(rows):
            tokens, sentences = len(row["input_ids"]), len(row["stances"])
            batch["input_ids"][index, :tokens] = torch.as_tensor(row["input_ids"])
            batch["attention_mask"][index, :tokens] = 1
            batch["shapes"][index, :tokens] = torch.as_tensor(row["shapes"])
            batch["tags"][index, :tokens] = torch.as_tensor(row["tags"])
            batch["sentences"][index, :tokens] = torch.as_tensor(row["sentences"])
            if self.labels.stances:
                batch["stances"][index, :sentences] = torch.as_tensor(row["stances"])
                batch["votes"][index, :tokens] = torch.as_tensor(row["votes"])
        return batch
