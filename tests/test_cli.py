import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import escalation
from escalation.cli import app
from escalation.model_folder import SHIPPED
from tests.conftest import DEV, REPOSITORY, needs_dev_corpus

EXAMPLE = str(REPOSITORY / "examples" / "strait.txt")

runner = CliRunner()


def test_a_table_for_people() -> None:
    result = runner.invoke(app, ["predict", EXAMPLE])
    assert result.exit_code == 0
    assert "strait.txt" in result.stdout
    assert "retaliation" in result.stdout
    assert "[WEAPON missiles]" in result.stdout


def test_json_lines_for_machines() -> None:
    result = runner.invoke(app, ["predict", EXAMPLE, EXAMPLE, "--format", "jsonl"])
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    document = escalation.Document.from_dict(json.loads(lines[0]))
    assert document.id == EXAMPLE
    assert document.text == Path(EXAMPLE).read_text()


def test_standard_input() -> None:
    result = runner.invoke(app, ["predict", "-", "--format", "jsonl"], input="Rebels fired mortars.")
    record = json.loads(result.stdout)
    assert (record["id"], record["text"]) == ("stdin", "Rebels fired mortars.")


def test_output_file_is_what_train_reads(tmp_path: Path) -> None:
    output = tmp_path / "predicted.jsonl"
    result = runner.invoke(app, ["predict", EXAMPLE, "--format", "jsonl", "--output", str(output)])
    assert result.exit_code == 0
    assert result.stdout == ""
    [document] = escalation.read_documents(output)
    assert document.weapons


def test_bad_files_are_named_and_the_others_predicted(tmp_path: Path) -> None:
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"caf\xe9")
    files = [str(tmp_path / "missing.txt"), EXAMPLE, str(tmp_path), str(latin), EXAMPLE]
    result = runner.invoke(app, ["predict", *files, "--format", "jsonl"])
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 2
    errors = result.stderr.splitlines()
    assert len(errors) == 3
    assert "missing.txt: No such file or directory" in errors[0]
    assert f"{tmp_path}: Is a directory" in errors[1]
    assert "latin.txt: not UTF-8: byte 0xe9 at offset 3" in errors[2]


def test_a_wrong_model_is_one_line() -> None:
    result = runner.invoke(app, ["predict", EXAMPLE, "--model", "enormous"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: 'enormous' is neither a shipped model")
    assert len(result.stderr.splitlines()) == 1


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).stdout.strip() == escalation.__version__


def test_evaluate_prints_and_writes_scores(tmp_path: Path, labelled_file: Path) -> None:
    output = tmp_path / "scores.json"
    result = runner.invoke(app, ["evaluate", "small", str(labelled_file), "--json", str(output)])
    assert result.exit_code == 0
    assert "primary stance accuracy" in result.stdout
    scores = json.loads(output.read_text())
    assert f"{scores['spans']['WEAPON']['f1']:.3f}" in result.stdout
    assert scores["documents"] == 4
    low, high = scores["intervals"]["spans"]["WEAPON"]
    assert low <= scores["spans"]["WEAPON"]["f1"] <= high


def test_evaluate_lists_errors_draws_plots_and_tells_new_names(tmp_path: Path, labelled_file: Path) -> None:
    errors, plots = tmp_path / "errors.md", tmp_path / "plots"
    options = ["--errors", str(errors), "--plots", str(plots), "--train", str(labelled_file), "--by", "id"]
    result = runner.invoke(app, ["evaluate", "small", str(labelled_file), *options])
    assert result.exit_code == 0
    assert "WEAPON, seen in training" in result.stdout
    assert "expected calibration error" in result.stdout
    assert " sentences with errors" in errors.read_text()
    assert {path.name for path in plots.iterdir()} == {"confusion.png", "reliability.png"}


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path, labelled_file: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for options, message in (
        (["--json", str(tmp_path / "folder")], "folder: a folder"),
        (["--errors", str(tmp_path / "nowhere" / "errors.md")], "its folder is missing"),
        (["--plots", str(tmp_path / "file")], "file: a file; name a folder"),
    ):
        result = runner.invoke(app, ["evaluate", "tiny", str(labelled_file), *options])
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
    article = tmp_path / "article.txt"
    article.write_text("Rebels fired mortars.")
    result = runner.invoke(app, ["predict", str(article), "--output", str(article)])
    assert result.exit_code == 2
    assert "one of the articles" in result.stderr
    assert article.read_text() == "Rebels fired mortars."


def test_evaluate_scores_what_is_labelled_alone(tmp_path: Path) -> None:
    errors = tmp_path / "errors.md"
    path = tmp_path / "labelled.jsonl"
    text = "Rebels fired mortars."
    span = {"start": 0, "end": 6, "label": "ACTOR"}
    sentence = {"start": 0, "end": 21, "stances": ["escalation", "harm"]}
    for record, shown, not_shown in (
        ({"spans": [span]}, "ACTOR", "macro-F1"),
        ({"sentences": [sentence]}, "stance macro-F1", "ACTOR"),
    ):
        path.write_text(json.dumps({"id": "a", "text": text} | record) + "\n")
        result = runner.invoke(app, ["evaluate", "tiny", str(path), "--errors", str(errors)])
        assert result.exit_code == 0
        assert shown in result.stdout
        assert not_shown not in result.stdout
        assert ("the model does not know harm" in result.stderr) == ("sentences" in record)
    assert "wrongly found" not in errors.read_text()
    path.write_text(json.dumps({"text": text, "spans": [span | {"label": "TOLL"}]}) + "\n")
    result = runner.invoke(app, ["evaluate", "tiny", str(path)])
    assert result.exit_code == 2
    assert "none of the model's labels (WEAPON, ACTOR, escalation, retaliation, diplomacy)" in result.stderr


def test_calibrate_leaves_shipped_models_alone(labelled_file: Path) -> None:
    before = (SHIPPED / "small" / "config.json").read_bytes()
    result = runner.invoke(app, ["calibrate", "small", str(labelled_file)])
    assert result.exit_code == 2
    assert "error: small: not a folder" in result.stderr
    assert (SHIPPED / "small" / "config.json").read_bytes() == before


def test_calibrate_changes_the_configuration_alone(tmp_path: Path, labelled_file: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED / "small", tmp_path / "model"))
    before = (folder / "model.onnx").read_bytes()
    result = runner.invoke(app, ["calibrate", str(folder), str(labelled_file)])
    assert result.exit_code == 0
    assert "retaliation: holds from a probability of 0." in result.stdout
    config = json.loads((folder / "config.json").read_text())
    assert set(config["stance_calibration"]) == set(config["stances"])
    assert (folder / "model.onnx").read_bytes() == before


@needs_dev_corpus
def test_the_shipped_model_reads_real_news(tmp_path: Path) -> None:
    output = tmp_path / "scores.json"
    result = runner.invoke(app, ["evaluate", "small", str(DEV), "--json", str(output)])
    assert result.exit_code == 0
    scores = json.loads(output.read_text())
    assert scores["spans"]["WEAPON"]["f1"] >= 0.86
    assert scores["spans"]["ACTOR"]["f1"] >= 0.85
    assert scores["stances"]["macro_f1"] >= 0.68
    assert scores["stances"]["primary_accuracy"] >= 0.68


@pytest.mark.parametrize(
    ("content", "message"), [("", "no document with text"), ('{"text": "no labels"}\n', "no span and no stance")]
)
def test_evaluate_refuses_files_without_labels(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(content)
    result = runner.invoke(app, ["evaluate", "small", str(path)])
    assert result.exit_code == 2
    assert message in result.stderr


def test_train_names_what_is_wrong_with_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: x\n")
    result = runner.invoke(app, ["train", str(path)])
    assert result.exit_code == 2
    assert f"{path}: missing key 'encoder'" in result.stderr
    assert runner.invoke(app, ["train", "--config", str(path)]).stderr == result.stderr


def test_train_needs_one_recipe() -> None:
    for arguments in ([], ["a.yaml", "--config", "b.yaml"]):
        result = runner.invoke(app, ["train", *arguments])
        assert result.exit_code == 2
        assert "name one recipe" in result.stderr


def test_train_says_how_to_go_on_after_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("escalation.training.train_model", interrupted)
    result = runner.invoke(app, ["train", "--config", str(REPOSITORY / "configs" / "finetune.yaml")])
    assert result.exit_code == 2
    assert "--resume goes on from the last checkpoint" in result.stderr


def test_train_refuses_bad_data(tmp_path: Path, labelled_file: Path) -> None:
    config = str(REPOSITORY / "configs" / "finetune.yaml")
    files = ["--train", str(labelled_file), "--dev", str(labelled_file)]
    result = runner.invoke(app, ["train", "--config", config, *files, "--output", str(tmp_path / "model")])
    assert result.exit_code == 2
    assert "its id comes twice" in result.stderr
    assert "its text" in result.stderr or "the same text is in" in result.stderr


def test_export_writes_a_graph(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    result = runner.invoke(app, ["export", "small", "--output", str(target), "--no-quantize"])
    assert result.exit_code == 0
    assert target.stat().st_size > 60e6


def test_a_missing_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, labelled_file: Path) -> None:
    monkeypatch.setitem(sys.modules, "escalation.evaluation", None)
    result = runner.invoke(app, ["evaluate", "small", str(labelled_file)])
    assert result.exit_code == 2
    assert "pip install 'escalation[evaluate]'" in result.stderr
