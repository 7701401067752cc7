import shutil
from pathlib import Path

import numpy as np
import pytest

from escalation import Document, Predictor, Sentence, load
from escalation.calibrate import calibrate, outcomes
from escalation.model_folder import SHIPPED, ModelFolder
from tests.articles import labelled_articles


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder.open(shutil.copytree(SHIPPED / "small", tmp_path / "model"))


def test_a_model_calibrated_reads_with_other_scores(folder: ModelFolder, predictor: Predictor) -> None:
    documents = labelled_articles()
    fitted = calibrate(folder, predictor.runtime, documents)
    again = ModelFolder.open(folder.path)
    assert dict(again.thresholds) == fitted.thresholds
    assert again.calibration.stances.keys() == set(folder.labels.stances)
    before, after = predictor.predict(documents[0].text), load(folder.path).predict(documents[0].text)
    assert [(span.start, span.end) for span in before.spans] == [(span.start, span.end) for span in after.spans]
    assert [item.scores for item in before.sentences] != [item.scores for item in after.sentences]


def test_documents_of_other_labels_are_refused(folder: ModelFolder, predictor: Predictor) -> None:
    before = (folder.path / "config.json").read_bytes()
    other = Document.build("Flour came.", [Sentence(0, 11, "Flour came.", ("aid",))], [])
    with pytest.raises(ValueError, match="none of the model's labels"):
        calibrate(folder, predictor.runtime, [other])
    assert (folder.path / "config.json").read_bytes() == before


def test_labels_that_the_documents_lack_keep_their_calibration(folder: ModelFolder, predictor: Predictor) -> None:
    text = "Envoys met in Geneva."
    document = Document.build(text, [Sentence(0, len(text), text, ("diplomacy",))], [])
    fitted = calibrate(folder, predictor.runtime, [document])
    assert fitted.thresholds["retaliation"] == folder.thresholds["retaliation"]
    assert fitted.calibration.stances["retaliation"] == folder.calibration.stances["retaliation"]
    assert fitted.calibration.stances["diplomacy"] != folder.calibration.stances["diplomacy"]
    assert fitted.calibration.spans == folder.calibration.spans


def test_outcomes_are_those_of_the_labels(folder: ModelFolder, predictor: Predictor) -> None:
    documents = labelled_articles()
    found = outcomes(folder, predictor.runtime, documents)
    sentences = sum(len(document.sentences) for document in documents)
    assert found.stance_logits.shape == found.stance_holds.shape == (sentences, 3)
    assert found.stance_holds.sum() == sum(len(item.stances) for document in documents for item in document.sentences)
    gold = sum(len(document.labelled("ACTOR")) for document in documents)
    assert 0 < found.span_correct["ACTOR"].sum() <= gold
    assert np.isfinite(found.span_logits["ACTOR"]).all()


def test_a_span_label_that_the_documents_lack_keeps_its_calibration(folder: ModelFolder, predictor: Predictor) -> None:
    actors = [
        Document.build(document.text, document.sentences, document.labelled("ACTOR"))
        for document in labelled_articles()
    ]
    fitted = calibrate(folder, predictor.runtime, actors)
    assert fitted.calibration.spans["WEAPON"] == folder.calibration.spans["WEAPON"]
    assert fitted.calibration.spans["ACTOR"] != folder.calibration.spans["ACTOR"]
