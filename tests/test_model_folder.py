import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from escalation import ModelFolderError, load
from escalation.model_folder import DEFAULT_MODEL, SHIPPED, ModelFolder
from tests.conftest import SHIPPED_NAMES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model, to be broken."""
    return Path(shutil.copytree(SHIPPED / DEFAULT_MODEL, tmp_path / "model"))


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_shipped_models_have_the_labels_of_the_guidelines(name: str) -> None:
    folder = ModelFolder.open(name)
    assert folder.labels.entity_labels == ("WEAPON", "ACTOR")
    assert folder.labels.stances == ("escalation", "retaliation", "diplomacy")
    assert set(folder.thresholds) == set(folder.labels.stances)


def test_shipped_weights_are_small_and_never_pickled() -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".onnx", ".safetensors", ".md"}
    for model in SHIPPED.iterdir():
        assert sum(path.stat().st_size for path in model.iterdir()) < 75e6


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_rounding_the_shipped_weights_cost_at_most_half_a_point(name: str) -> None:
    metrics = json.loads((SHIPPED / name / "metrics.json").read_text())
    exact, shipped = metrics["raw_text_float32"], metrics["raw_text"]
    for label in ("WEAPON", "ACTOR"):
        assert shipped["spans"][label]["f1"] > exact["spans"][label]["f1"] - 0.005
    for figure in ("macro_f1", "primary_accuracy"):
        assert shipped["stances"][figure] > exact["stances"][figure] - 0.005


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.onnx"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=name):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.onnx"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_cut_short_is_named(folder: Path, name: str, share: float) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelFolderError, match=rf"{name}: .*cut short"):
        load(folder)


def test_a_broken_graph_is_named_on_torch_too(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:100_000])
    with pytest.raises(ModelFolderError, match=r"model\.onnx"):
        load(folder, runtime="torch")


def test_broken_safetensors_are_named(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(ModelFolderError, match=r"model\.safetensors: cut short or of another model"):
        load(folder, runtime="torch")


def test_another_kind_of_model_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelFolderError, match="expected a model with model_type 'escalation', found 'bert'"):
        load(folder)


def test_a_missing_setting_is_named(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["stance_thresholds"]["retaliation"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="retaliation"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": 5}, "missing or wrong setting"),
        ({"window_tokens": 100_000}, "from 1 to the encoder's 512 positions, not 100000"),
        ({"stance_thresholds": {"escalation": 5, "retaliation": 0.5, "diplomacy": 0.5}}, "threshold of escalation"),
    ],
)
def test_wrong_settings_are_named(folder: Path, change: dict[str, Any], message: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelFolderError, match=message):
        load(folder)


def test_the_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    shutil.copy(SHIPPED / "medium" / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(ModelFolderError, match="the two are not of the same model"):
        load(folder)


@pytest.mark.parametrize("threads", [0, -1, "2"])
def test_threads_are_a_number_above_none(folder: Path, threads: Any) -> None:
    with pytest.raises(ValueError, match="threads must be a whole number above 0"):
        load(folder, threads=threads)


def test_a_graph_with_other_labels_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["entity_labels"] = ["WEAPON"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="not of the same model"):
        load(folder)


def test_what_is_no_model_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(
        ModelFolderError, match=r"neither a shipped model \(medium, small, tiny\) nor a folder nor a Hub id"
    ):
        load("enormous")
    with pytest.raises(ModelFolderError, match="name is empty"):
        load("")
    with pytest.raises(ModelFolderError, match=r"config\.json: missing"):
        load(tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ModelFolderError, match="expected a model folder, found a file"):
        load(file)


def test_the_hub_is_asked_for_owner_and_name(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked = []

    def snapshot_download(name: str, **_: object) -> str:
        asked.append(name)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert load("owner/name").predict("Nothing.").sentences
    assert asked == ["owner/name"]


def test_a_hub_that_does_not_answer_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(name: str, **_: object) -> str:
        raise OSError("offline\nmore")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(ModelFolderError, match=r"'owner/name'.*: offline$"):
        load("owner/name")
