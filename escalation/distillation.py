"""Distillation: a teacher's soft scores on unlabelled documents as targets for a student (Hinton et al., 2015)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from datasets import Dataset
from tqdm import tqdm

from escalation.document import Document
from escalation.encoding import EncodedBlock, FloatArray, WindowEncoder
from escalation.labels import LabelScheme
from escalation.predictor import Predictor
from escalation.training_data import window_rows

_DOCUMENTS_AT_ONCE = 32


def distillation_rows(
    documents: Sequence[Document], teacher: Predictor, encoder: WindowEncoder, labels: LabelScheme
) -> Dataset:
    """Let a teacher label documents, and turn its probabilities into a student's training rows.

    Words carry the targets from one tokenizer to the other: a token of the student gets the teacher's tag
    probabilities of its word.

    Args:
        documents: Documents with sentences; their labels are not looked at.
        teacher: A trained model.
        encoder: The student's tokenizer and windows.
        labels: The student's labels.

    Returns:
        A data set with the columns of :func:`~escalation.training_data.encode_documents`.

    Raises:
        ValueError: The teacher has other labels than the student.
    """
    if teacher.decoder.labels != labels:
        raise ValueError(f"the teacher's labels are {teacher.decoder.labels}, the student's are {labels}")

    def rows() -> Iterator[dict[str, object]]:
        for document, (theirs, tags, stances) in zip(documents, _targets(documents, teacher), strict=True):
            ours = encoder.encode(document.text, theirs.bounds)
            yield from window_rows(ours, encoder, _carry_over(theirs, tags, ours), stances)

    return Dataset.from_list(list(rows()))


def _targets(
    documents: Sequence[Document], teacher: Predictor
) -> Iterable[tuple[EncodedBlock, FloatArray, FloatArray]]:
    """Yield for each document its tokens and the teacher's tag and stance probabilities."""
    for first in tqdm(range(0, len(documents), _DOCUMENTS_AT_ONCE), "teacher", unit_scale=_DOCUMENTS_AT_ONCE):
        blocks = [
            teacher.encoder.encode(item.text, [(sentence.start, sentence.end) for sentence in item.sentences])
            for item in documents[first : first + _DOCUMENTS_AT_ONCE]
        ]
        windows = [teacher.encoder.window_inputs(block, window) for block in blocks for window in block.windows]
        window_scores = iter(teacher.runtime.score(windows))
        for block in blocks:
            scores = teacher.encoder.gather(block, [next(window_scores) for _ in block.windows])
            decoder = teacher.decoder
            yield block, decoder.tag_probabilities(block, scores), decoder.stance_probabilities(block, scores)


def _carry_over(theirs: EncodedBlock, tags: FloatArray, ours: EncodedBlock) -> FloatArray:
    """Give each of our tokens the tag probabilities of the teacher's word that begins where its word begins.

    Tokens whose word the teacher does not have get zeros, and so take no part in the loss.
    """
    their_starts = theirs.starts[theirs.begins_word]
    our_words = np.cumsum(ours.begins_word) - 1
    our_starts = ours.starts[ours.begins_word][our_words]
    places = np.minimum(np.searchsorted(their_starts, our_starts), max(len(their_starts) - 1, 0))
    if not len(their_starts):
        return np.zeros((len(our_starts), tags.shape[1]), dtype=np.float32)
    found = their_starts[places] == our_starts
    return np.asarray(np.where(found[:, None], tags[places], 0.0), dtype=np.float32)
