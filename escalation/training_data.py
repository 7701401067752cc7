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
from escalation.encoding import EncodedBlock, IntArray, WindowEncoder
from escalation.labels import LabelScheme
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

    Args:
        documents: Documents with sentences; those without any are left out.
        encoder: Tokenizes and packs the sentences.
        labels: The labels that the model learns.

    Returns:
        The encoded documents, and a data set with a row for each of their windows, in the same order. Columns:
        ``input_ids``, ``tags``, ``sentences`` (each a number for every token) and ``stances`` (for each sentence
        of the window a row of targets).

    Raises:
        ValueError: A document carries a label that is not among ``labels``.
    """
    encoded = [
        EncodedDocument(
            document, encoder.encode(document.text, [(item.start, item.end) for item in document.sentences])
        )
        for document in documents
        if document.sentences
    ]
    rows = [row for item in encoded for row in _window_rows(item, encoder, labels)]
    return encoded, Dataset.from_list(rows)


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


def _window_rows(item: EncodedDocument, encoder: WindowEncoder, labels: LabelScheme) -> list[dict[str, Any]]:
    block, tags = item.block, token_tags(item.document, item.block, labels)
    for sentence in item.document.sentences:
        unknown = set(sentence.stances) - set(labels.stances)
        if unknown:
            raise ValueError(
                f"document {item.document.id!r} has the stance {min(unknown)!r}; "
                f"the model's stances are {', '.join(labels.stances)}"
            )
    rows = []
    for window in block.windows:
        own = slice(window.start, window.stop)
        first, last = block.sentences[window.start], block.sentences[window.stop - 1]
        rows.append(
            {
                "input_ids": encoder.window_ids(block, window),
                "tags": _framed(tags[own], encoder, IGNORED),
                "sentences": _framed(block.sentences[own] - first, encoder, -1),
                "stances": [
                    labels.stance_vector(sentence.stances) for sentence in item.document.sentences[first : last + 1]
                ],
            }
        )
    return rows


def _framed(values: IntArray, encoder: WindowEncoder, filler: int) -> IntArray:
    """Put a filler where the special tokens stand."""
    return np.pad(values, (len(encoder.prefix), len(encoder.suffix)), constant_values=filler)


@dataclass(frozen=True)
class WindowCollator:
    """Pads windows to the longest of a batch.

    Attributes:
        pad_token_id: Token id of padding.
        stance_count: Number of stances.
    """

    pad_token_id: int
    stance_count: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return ``input_ids``, ``attention_mask``, ``tags``, ``sentences`` and ``stances`` as tensors."""
        tokens = max(len(row["input_ids"]) for row in rows)
        sentences = max(len(row["stances"]) for row in rows)
        stances = torch.full((len(rows), sentences, self.stance_count), float(IGNORED))
        for index, row in enumerate(rows):
            stances[index, : len(row["stances"])] = torch.tensor(row["stances"]).reshape(
                len(row["stances"]), self.stance_count
            )
        return {
            "input_ids": _pad([row["input_ids"] for row in rows], tokens, self.pad_token_id),
            "attention_mask": _pad([[1] * len(row["input_ids"]) for row in rows], tokens, 0),
            "tags": _pad([row["tags"] for row in rows], tokens, IGNORED),
            "sentences": _pad([row["sentences"] for row in rows], tokens, -1),
            "stances": stances,
        }


def _pad(rows: Sequence[Sequence[int]], length: int, filler: int) -> Tensor:
    return torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows])
