"""Distillation: a teacher's soft scores on documents as targets for a student (Hinton et al., 2015)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset
from tqdm import tqdm

from escalation.document import Document
from escalation.encoding import EncodedBlock, FloatArray, IntArray, WindowEncoder
from escalation.labels import LabelScheme, labels_in
from escalation.predictor import Predictor
from escalation.training_data import document_targets, window_rows

_DOCUMENTS_AT_ONCE = 32


def distillation_rows(
    documents: Sequence[Document],
    teacher: Predictor,
    encoder: WindowEncoder,
    labels: LabelScheme,
    *,
    teacher_weight: float = 1.0,
) -> Dataset:
    """Let a teacher label documents, and turn its probabilities into a student's training rows.

    Words carry the targets from one tokenizer to the other: a token of the student gets the teacher's tag
    probabilities of its word, and an equal part of its word's share of the votes.

    Args:
        documents: Documents with sentences.
        teacher: A trained model.
        encoder: The student's tokenizer and windows.
        labels: The student's labels.
        teacher_weight: Share of the teacher's probabilities in the targets; the documents' labels have the rest. Where
            no document has a span, or none a stance, the teacher has all.

    Returns:
        A data set with the columns of :func:`~escalation.training_data.encode_documents`.

    Raises:
        ValueError: The teacher, or a document whose labels have a share, has other labels than the student.
    """
    if teacher.decoder.labels != labels:
        raise ValueError(f"the teacher's labels are {teacher.decoder.labels}, the student's are {labels}")

    used = labels_in(documents)
    tag_weight = teacher_weight if used.entity_labels else 1.0
    stance_weight = teacher_weight if used.stances else 1.0
    is_mixed = min(tag_weight, stance_weight) < 1.0

    def rows() -> Iterator[dict[str, object]]:
        for document, targets in zip(documents, _targets(documents, teacher), strict=True):
            ours = encoder.encode(document.text, targets.block.bounds)
            words = _words_of(ours, targets.block)
            tags, stances = _at(words, targets.tags), targets.stances
            if is_mixed:
                own_tags, own_stances = document_targets(document, ours, labels)
                own_tags = np.where((words >= 0)[:, None], own_tags, 0.0)
                tags = tag_weight * tags + (1.0 - tag_weight) * own_tags
                stances = stance_weight * stances + (1.0 - stance_weight) * own_stances
            yield from window_rows(ours, encoder, tags, stances, _spread(targets.votes, words))

    return Dataset.from_list(list(rows()))


@dataclass(frozen=True)
class _Targets:
    """What a teacher makes of a document.

    Attributes:
        block: The document's tokens, as the teacher reads it.
        tags: Tag probabilities of the words, shape ``(words, tags)``.
        stances: Stance probabilities of the sentences, shape ``(sentences, stances)``.
        votes: Each word's share of its sentence's votes for each stance, then its values, shape
            ``(words, 2 * stances)``.
    """

    block: EncodedBlock
    tags: FloatArray
    stances: FloatArray
    votes: FloatArray


def _targets(documents: Sequence[Document], teacher: Predictor) -> Iterator[_Targets]:
    decoder = teacher.decoder
    for first in tqdm(range(0, len(documents), _DOCUMENTS_AT_ONCE), "teacher", unit_scale=_DOCUMENTS_AT_ONCE):
        blocks = [
            teacher.encoder.encode(item.text, [(sentence.start, sentence.end) for sentence in item.sentences])
            for item in documents[first : first + _DOCUMENTS_AT_ONCE]
        ]
        windows = [teacher.encoder.window_inputs(block, window) for block in blocks for window in block.windows]
        window_scores = iter(teacher.runtime.score(windows))
        for block in blocks:
            scores = teacher.encoder.gather(block, [next(window_scores) for _ in block.windows])
            yield _Targets(
                block,
                decoder.tag_probabilities(block, scores),
                decoder.stance_probabilities(block, scores),
                decoder.word_votes(block, scores),
            )


def _words_of(ours: EncodedBlock, theirs: EncodedBlock) -> IntArray:
    """Return for each of our tokens the teacher's word that begins where its word begins, -1 where none does."""
    their_starts = theirs.starts[theirs.begins_word]
    if not len(their_starts):
        return np.full(len(ours.ids), -1)
    our_starts = ours.starts[ours.begins_word][np.cumsum(ours.begins_word) - 1]
    places = np.minimum(np.searchsorted(their_starts, our_starts), len(their_starts) - 1)
    return np.where(their_starts[places] == our_starts, places, -1)


def _at(words: IntArray, table: FloatArray) -> FloatArray:
    """Return the rows of words; zeros for word -1."""
    rows = np.zeros((len(words), table.shape[1]), dtype=np.float32)
    rows[words >= 0] = table[words[words >= 0]]
    return rows


def _spread(votes: FloatArray, words: IntArray) -> FloatArray:
    """Give each token an equal part of its word's shares of the votes, and the word's values."""
    shares, values = np.split(_at(words, votes), 2, axis=1)
    tokens = np.bincount(words + 1)[words + 1]
    return np.concatenate([shares / tokens[:, None], values], axis=1).astype(np.float32)
