from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from escalation import Predictor
from escalation.corpus import write_documents
from escalation.distillation import distillation_rows
from escalation.encoding import WindowEncoder
from escalation.labels import LabelScheme
from escalation.training import train_model
from tests.articles import labelled_articles
from tests.test_training import recipe


def test_the_teachers_probabilities_become_the_students_targets(predictor: Predictor, tokenizer: Tokenizer) -> None:
    documents = labelled_articles()
    encoder = WindowEncoder(tokenizer, window_tokens=200)
    rows = distillation_rows(documents, predictor, encoder, LabelScheme()).to_list()
    assert len(rows) == len(documents)
    for row, document in zip(rows, predictor.predict([document.text for document in documents]), strict=True):
        tags, stances = np.array(row["tags"]), np.array(row["stances"])
        assert (tags[[0, -1]] == 0).all()
        assert tags[1:-1].sum(axis=1) == pytest.approx(1.0, abs=1e-4)
        expected = [list(sentence.scores.values()) for sentence in document.sentences]
        assert stances == pytest.approx(np.array(expected), abs=1e-3)
        block = encoder.encode(document.text, [(s.start, s.end) for s in document.sentences])
        for span in document.spans:
            first = int(np.searchsorted(block.starts, span.start))
            assert tags[1 + first].argmax() == LabelScheme().begin_tag(span.label)


def test_a_teacher_with_other_labels_is_refused(predictor: Predictor, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="the teacher's labels are"):
        distillation_rows(labelled_articles(), predictor, WindowEncoder(tokenizer), LabelScheme(("CITY",), ()))


def test_a_student_is_trained(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    unlabelled = tmp_path / "unlabelled.jsonl"
    write_documents(labelled_articles(), unlabelled)
    plain = recipe(encoder_folder, labelled_file, tmp_path / "model", num_train_epochs=2, eval_steps=2, save_steps=2)
    metrics = train_model(replace(plain, teacher="small", unlabelled=[str(unlabelled)]))
    assert metrics is not None
    assert (tmp_path / "model" / "checkpoints" / "teacher").is_dir()
