import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from escalation.cli import app
from escalation.corpus import write_documents
from escalation.validation import validate
from tests.articles import labelled_articles
from tests.conftest import REPOSITORY

runner = CliRunner()


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "a",
        "text": "Rebels fired mortars. Envoys met.",
        "sentences": [{"start": 0, "end": 21, "stances": ["escalation"]}, {"start": 22, "end": 33, "stances": []}],
        "spans": [{"start": 0, "end": 6, "label": "ACTOR"}, {"start": 13, "end": 20, "label": "WEAPON"}],
    } | changes


def written(path: Path, *records: dict[str, Any] | str) -> Path:
    path.write_text("\n".join(item if isinstance(item, str) else json.dumps(item) for item in records) + "\n")
    return path


def test_sound_documents_have_no_errors(tmp_path: Path) -> None:
    result = validate([written(tmp_path / "a.jsonl", record())])
    assert result.errors == []
    assert (result.documents, result.sentences, result.spans) == (1, 2, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spans": [{"start": 0, "end": 99, "label": "ACTOR"}]}, "0:99 is empty or outside the text"),
        (
            {"spans": [{"start": 0, "end": 12, "label": "ACTOR"}, {"start": 7, "end": 12, "label": "ACTOR"}]},
            "overlaps span 0:12",
        ),
        ({"spans": [{"start": 6, "end": 12, "label": "ACTOR"}]}, "begins or ends with white space"),
        ({"spans": [{"start": 0, "end": 5, "label": "ACTOR"}]}, "cuts through the word 'Rebels'"),
        ({"spans": [{"start": 0, "end": 6, "label": "Person"}]}, "unknown label 'Person'"),
        ({"spans": [{"start": 13, "end": 28, "label": "ACTOR"}]}, "does not lie inside one sentence"),
        ({"spans": "all"}, "'spans' must be a list, not str"),
        (
            {"sentences": [{"start": 0, "end": 21, "stances": ["war"]}], "text": "Rebels fired mortars."},
            "unknown stance 'war'",
        ),
        ({"sentences": [{"start": 0, "end": 21}, {"start": 20, "end": 33}]}, "sentence 20:33 overlaps sentence 0:21"),
        ({"text": "  "}, "a document needs a text"),
        ({"text": None}, "a document needs a text"),
        ({"id": 12}, "'id' must be a string, not int"),
    ],
)
def test_errors_name_line_document_and_remedy(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = written(
        tmp_path / "a.jsonl", record(id="first", text="Jets flew.", sentences=[], spans=[]), record(**changes)
    )
    [error] = [problem for problem in validate([path]).errors if problem.line == 2]
    named = "" if changes.keys() & {"id"} else ", document 'a'"
    assert str(error).startswith(f"{path}, line 2{named}: error: ")
    assert message in error.message


def test_every_problem_of_a_document_is_told(tmp_path: Path) -> None:
    spans = [{"start": 0, "end": 5, "label": "Person"}, {"start": 90, "end": 99, "label": "ACTOR"}]
    errors = validate([written(tmp_path / "a.jsonl", record(spans=spans))]).errors
    assert len(errors) == 3


@pytest.mark.parametrize(("line", "message"), [("{", "not JSON"), ("[1]", "must be a JSON object, not list")])
def test_lines_that_are_no_documents(tmp_path: Path, line: str, message: str) -> None:
    [error] = validate([written(tmp_path / "a.jsonl", record(), line)]).errors
    assert error.line == 2
    assert message in error.message


def test_labels_of_ones_own(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", record(spans=[{"start": 0, "end": 6, "label": "Person"}]))
    assert validate([path]).errors
    assert not validate([path], entity_labels=None, stances=None).errors
    assert not validate([path], entity_labels=["Person"]).errors


def test_an_id_that_comes_twice(tmp_path: Path) -> None:
    [error] = validate(
        [written(tmp_path / "a.jsonl", record(), record(text="Rebels fired mortars. Envoys left."))]
    ).errors
    assert "its id comes twice" in error.message
    assert "line 1" in error.message


def test_leaks_between_splits_are_errors_and_repetition_in_one_a_note(tmp_path: Path) -> None:
    other = record(id="b", text="Rebels  fired mortars. Envoys met.", sentences=[], spans=[])
    train, dev = written(tmp_path / "train.jsonl", record()), written(tmp_path / "dev.jsonl", other, record(id="c"))
    leaks = [error for error in validate([train, dev]).errors if "keep it in one split" in error.message]
    assert {error.document for error in leaks} == {"b", "c"}
    assert not validate({"all": [train, dev]}).errors


def test_sentences_that_splits_share_are_noted(tmp_path: Path) -> None:
    train = tmp_path / "train.jsonl"
    write_documents(labelled_articles(), train)
    sentence = labelled_articles()[0].sentences[0].text
    dev = written(tmp_path / "dev.jsonl", {"id": "x", "text": f"{sentence} So.", "sentences": [
        {"start": 0, "end": len(sentence), "stances": ["escalation"]}]})  # fmt: skip
    notes = [problem.message for problem in validate([train, dev]).problems if problem.path == str(dev)]
    assert any("1 of its sentences are in" in note for note in notes)


def test_rare_labels_and_text_outside_sentences_are_noted(tmp_path: Path) -> None:
    result = validate(
        [written(tmp_path / "a.jsonl", record(sentences=[{"start": 0, "end": 21, "stances": ["escalation"]}]))]
    )
    assert not result.errors
    notes = " ".join(problem.message for problem in result.problems)
    assert "only 1 of WEAPON" in notes
    assert "text outside all sentences, first at 21:33" in notes


@pytest.mark.parametrize("content", ["", '{"id": "a", "text": "Jets flew.", "label": [[0, 4, "WEAPON"]]}'])
def test_files_without_documents_or_labels(tmp_path: Path, content: str) -> None:
    assert len(validate([written(tmp_path / "a.jsonl", content)]).errors) == 1


def test_a_file_of_negatives_beside_labelled_ones_is_fine(tmp_path: Path) -> None:
    negatives = written(tmp_path / "b.jsonl", record(id="b", text="It rained.", sentences=[], spans=[]))
    labelled = written(tmp_path / "a.jsonl", record())
    assert not validate({"train": [labelled, negatives]}).errors
    assert len(validate([labelled, negatives]).errors) == 1


def test_the_command_prints_problems_and_says_how_it_ended(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", record(spans=[{"start": 0, "end": 5, "label": "ACTOR"}]))
    result = runner.invoke(app, ["validate", str(path)])
    assert result.exit_code == 1
    assert f"{path}, line 1, document 'a': error: span 0:5 ('Rebel') cuts through the word" in result.stdout
    assert "1 errors" in result.stderr
    assert runner.invoke(app, ["validate", str(tmp_path / "missing.jsonl")]).exit_code == 2


def test_our_own_corpus_is_clean() -> None:
    files = sorted((REPOSITORY / "data" / "corpus").glob("*.jsonl"))
    assert [file.stem for file in files] == ["dev", "test", "train"]
    result = validate(files)
    assert not result.errors
    assert not result.problems
