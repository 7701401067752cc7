import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from escalation import read_documents
from escalation.cli import app
from escalation.conversion import convert, detect_format
from escalation.corpus import write_documents
from escalation.formats import FormatError
from tests.articles import labelled_articles
from tests.conftest import REPOSITORY

runner = CliRunner()


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    folder = tmp_path / "splits"
    folder.mkdir()
    write_documents(labelled_articles()[:3], folder / "train.jsonl")
    write_documents(labelled_articles()[3:], folder / "dev.jsonl")
    return folder


@pytest.mark.parametrize("name", ["datasets", "conll", "brat", "label-studio"])
def test_a_folder_of_files_keeps_its_splits(splits: Path, tmp_path: Path, name: str) -> None:
    convert(splits, tmp_path / "there", target_format=name)
    assert detect_format(tmp_path / "there") == name
    convert(tmp_path / "there", tmp_path / "back", target_format="jsonl")
    for split, expected in (("train", labelled_articles()[:3]), ("dev", labelled_articles()[3:])):
        read = list(read_documents(tmp_path / "back" / f"{split}.jsonl"))
        assert sorted(read, key=lambda item: str(item.id)) == sorted(expected, key=lambda item: str(item.id))


def test_several_splits_do_not_go_into_one_file(splits: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="the splits dev, train; name a folder"):
        convert(splits, tmp_path / "all.conll")


def test_a_folder_that_is_not_empty_is_left_alone(splits: Path, tmp_path: Path) -> None:
    target = tmp_path / "full"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="new or empty"):
        convert(splits / "train.jsonl", target, target_format="brat")
    assert [file.name for file in target.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.jsonl"
    write_documents(labelled_articles(), source)
    source.write_text(source.read_text() + "{\n")
    for name in ("conll", "brat", "doccano", "label-studio", "prodigy", "spacy", "datasets"):
        with pytest.raises(ValueError, match=r"source.jsonl, line 5|row 4"):
            convert(source, tmp_path / f"target-{name}", target_format=name)
    assert [file.name for file in tmp_path.iterdir()] == ["source.jsonl"]


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", "Plain words of an article.\n"), ("a.bin", "\x00"), ("a.jsonl", "")]
)
def test_a_format_that_cannot_be_told(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(FormatError, match="say which with --from"):
        detect_format(path)


def test_the_command(splits: Path, tmp_path: Path) -> None:
    target = tmp_path / "train.conll"
    result = runner.invoke(app, ["convert", str(splits / "train.jsonl"), str(target)])
    assert result.exit_code == 0
    assert "# newdoc id = leopards" in target.read_text()
    missing = runner.invoke(app, ["convert", str(tmp_path / "no.jsonl"), str(target)])
    assert (missing.exit_code, missing.stderr) == (2, f"error: {tmp_path / 'no.jsonl'}: No such file or directory\n")
    unknown = runner.invoke(app, ["convert", str(splits / "train.jsonl"), str(tmp_path / "a"), "--to", "excel"])
    assert unknown.exit_code == 2
    assert "unknown format 'excel'" in unknown.stderr
    unnamed = runner.invoke(app, ["convert", str(splits / "train.jsonl"), str(tmp_path / "a")])
    assert "name one of" in unnamed.stderr


def test_losses_are_told_on_standard_error(tmp_path: Path) -> None:
    predicted = tmp_path / "predicted.jsonl"
    runner.invoke(
        app, ["predict", str(REPOSITORY / "examples" / "strait.txt"), "--format", "jsonl", "--output", str(predicted)]
    )
    result = runner.invoke(app, ["convert", str(predicted), str(tmp_path / "predicted.json")])
    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert "scores of spans" in result.stderr


def test_labels_of_ones_own(tmp_path: Path) -> None:
    source = str(REPOSITORY / "examples" / "aid-articles.json")
    result = runner.invoke(app, ["convert", source, str(tmp_path / "aid.jsonl"), "--stances", "harm,aid"])
    assert result.exit_code == 0
    documents = list(read_documents(tmp_path / "aid.jsonl"))
    assert len(documents) == 30
    assert {span.label for document in documents for span in document.spans} == {"PLACE", "TOLL"}
    stances = {stance for document in documents for sentence in document.sentences for stance in sentence.stances}
    assert stances == {"harm", "aid"}


def test_a_folder_of_text_files_in_columns(tmp_path: Path) -> None:
    folder = tmp_path / "conll2003"
    folder.mkdir()
    for name in ("train", "valid"):
        (folder / f"{name}.txt").write_text(f"-DOCSTART- O\n\n{name} B-ORG\n")
    convert(folder, tmp_path / "out", target_format="jsonl")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["train.jsonl", "valid.jsonl"]
    with pytest.raises(FormatError, match="holds nothing in the format spacy"):
        convert(folder, tmp_path / "other", source_format="spacy", target_format="jsonl")
    (folder / "train.conll").write_text("train B-ORG\n")
    with pytest.raises(FormatError, match="two files of one name"):
        convert(folder, tmp_path / "other", target_format="jsonl")


def test_further_fields_called_labels_do_not_make_another_format(tmp_path: Path) -> None:
    path, target = tmp_path / "documents.jsonl", tmp_path / "again.jsonl"
    spans = [{"start": 0, "end": 4, "label": "WEAPON"}]
    record = {"id": "a", "text": "Jets flew.", "labels": ["war"], "entities": [], "sentences": [], "spans": spans}
    path.write_text(json.dumps(record) + "\n")
    assert detect_format(path) == "jsonl"
    convert(path, target)
    [document] = read_documents(target)
    assert [span.text for span in document.spans] == ["Jets"]
    assert document.meta["labels"] == ["war"]
