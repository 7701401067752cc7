from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from escalation import Predictor
from escalation.corpus import write_documents
from escalation.decoding import Decoder
from escalation.distillation import distillation_rows
from escalation.document import Document, Sentence
from escalation.encoding import WindowEncoder
from escalation.labels import LabelScheme
from escalation.training import train_model
from escalation.training_data import encode_documents
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


def test_labels_and_probabilities_are_mixed(predictor: Predictor, tokenizer: Tokenizer) -> None:
    documents = labelled_articles()
    encoder = WindowEncoder(tokenizer, window_tokens=200)
    _, gold = encode_documents(documents, encoder, LabelScheme())
    taught = distillation_rows(documents, predictor, encoder, LabelScheme())
    mixed = distillation_rows(documents, predictor, encoder, LabelScheme(), teacher_weight=0.25)
    for ours, theirs, both in zip(gold.to_list(), taught.to_list(), mixed.to_list(), strict=True):
        for target in ("tags", "stances"):
            expected = 0.75 * np.array(ours[target]) + 0.25 * np.array(theirs[target])
            assert np.array(both[target]) == pytest.approx(expected, abs=1e-5)
        assert both["votes"] == theirs["votes"]


def test_without_labels_the_teacher_has_all(predictor: Predictor, tokenizer: Tokenizer) -> None:
    bare = [
        Document.build(item.text, [Sentence(s.start, s.end, s.text) for s in item.sentences])
        for item in labelled_articles()
    ]
    encoder = WindowEncoder(tokenizer, window_tokens=200)
    rows = [distillation_rows(bare, predictor, encoder, LabelScheme(), teacher_weight=weight) for weight in (0.5, 1.0)]
    assert rows[0].to_list() == rows[1].to_list()


def test_the_tokens_of_a_sentence_share_its_votes(predictor: Predictor, tokenizer: Tokenizer) -> None:
    uncalibrated = Decoder(LabelScheme(), dict.fromkeys(LabelScheme().stances, 0.5))
    teacher = Predictor(predictor.runtime, predictor.encoder, uncalibrated)
    rows = distillation_rows(labelled_articles(), teacher, WindowEncoder(tokenizer, 200), LabelScheme())
    for row in rows.to_list():
        sentences, (shares, values) = np.array(row["sentences"]), np.split(np.array(row["votes"]), 2, axis=1)
        for sentence, stances in enumerate(row["stances"]):
            own = sentences == sentence
            assert shares[own].sum(axis=0) == pytest.approx(1.0, abs=1e-4)
            logits = (shares[own] * values[own]).sum(axis=0)
            assert 1.0 / (1.0 + np.exp(-logits)) == pytest.approx(np.array(stances), abs=1e-3)
        assert (shares[sentences < 0] == 0).all()


def test_a_teacher_with_other_labels_is_refused(predictor: Predictor, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="the teacher's labels are"):
        distillation_rows(labelled_articles(), predictor, WindowEncoder(tokenizer), LabelScheme(("CITY",), ()))


def test_a_student_is_trained(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    unlabelled = tmp_path / "unlabelled.jsonl"
    write_documents(labelled_articles(), unlabelled)
    plain = recipe(encoder_folder, labelled_file, tmp_path / "model", num_train_epochs=2, eval_steps=2, save_steps=2)
    taught = replace(plain, teacher="small", unlabelled=[str(unlabelled)])
    metrics = train_model(replace(taught, teacher_weight=0.5, vote_loss_weight=0.1))
    assert metrics is not None
    assert (tmp_path / "model" / "checkpoints" / "teacher").is_dir()
