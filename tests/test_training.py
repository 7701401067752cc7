import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers.trainer_utils import get_last_checkpoint

from escalation import load
from escalation.recipe import CHECKPOINTS, Recipe
from escalation.training import train_model
from tests.articles import labelled_articles


def recipe(encoder: Path, data: Path, output: Path, **trainer: Any) -> Recipe:
    """A recipe that a tiny encoder follows in seconds, and learns the few articles by heart with."""
    settings = {
        "num_train_epochs": 60,
        "per_device_train_batch_size": 4,
        "learning_rate": 5e-3,
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "eval_steps": 20,
        "save_steps": 20,
        "disable_tqdm": True,
        "seed": 1,
    }
    return Recipe(
        name="tiny",
        encoder=str(encoder),
        train=[str(data)],
        dev=[str(data)],
        output=str(output),
        window_tokens=48,
        window_overlap=8,
        head_learning_rate=1e-2,
        base_model="owner/tiny-encoder",
        trainer=settings | trainer,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path, labelled_file: Path) -> Path:
    output = tmp_path_factory.mktemp("trained") / "model"
    notes = output.with_name("notes.md")
    notes.write_text("Not for use.\n")
    train_model(replace(recipe(encoder_folder, labelled_file, output), card_notes=str(notes)))
    return output


def test_training_writes_a_model_that_has_learnt_its_articles(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["gold_sentences"]["spans"]["micro"]["f1"] > 0.9
    assert metrics["gold_sentences"]["stances"]["primary_accuracy"] > 0.9
    assert metrics["raw_text"]["spans"]["micro"]["f1"] == pytest.approx(
        metrics["raw_text_float32"]["spans"]["micro"]["f1"], abs=0.2
    )
    assert {"config.json", "model.safetensors", "model.onnx", "tokenizer.json", "README.md"} <= {
        path.name for path in trained.iterdir()
    }


def test_the_model_predicts_on_both_runtimes(trained: Path) -> None:
    document = labelled_articles()[0]
    expected = [(span.start, span.end, span.label) for span in document.spans]
    for runtime in ("onnx", "torch"):
        predicted = load(trained, runtime=runtime).predict(document.text)
        assert [(span.start, span.end, span.label) for span in predicted.spans] == expected


def test_the_card_tells_what_the_run_found(trained: Path, encoder_folder: Path) -> None:
    card = (trained / "README.md").read_text()
    metrics = json.loads((trained / "metrics.json").read_text())["raw_text"]
    assert "base_model: owner/tiny-encoder" in card
    assert "Not for use." in card
    assert f"| WEAPON | {metrics['spans']['WEAPON']['precision']:.3f} |" in card
    for text in (card, (trained / "config.json").read_text()):
        assert str(trained) not in text
        assert str(encoder_folder) not in text


def test_interrupted_training_resumes(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    output = tmp_path / "model"
    train_model(recipe(encoder_folder, labelled_file, output, num_train_epochs=20))
    assert (output / CHECKPOINTS / "checkpoint-60").is_dir()
    train_model(recipe(encoder_folder, labelled_file, output, num_train_epochs=30), resume=True)
    checkpoint = get_last_checkpoint(str(output / CHECKPOINTS))
    state = json.loads(Path(checkpoint, "trainer_state.json").read_text())
    assert state["global_step"] > 60
    assert [entry["step"] for entry in state["log_history"] if "eval_loss" in entry][:4] == [20, 40, 60, 80]


def test_windows_keep_their_order_in_evaluation(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    grouped = {"num_train_epochs": 10, "train_sampling_strategy": "group_by_length"}
    metrics = train_model(recipe(encoder_folder, labelled_file, tmp_path / "model", **grouped))
    assert metrics is not None
    assert metrics["gold_sentences"]["spans"]["micro"]["f1"] > 0.1
    assert metrics["gold_sentences"] == metrics["raw_text_float32"]


def test_training_in_bfloat16_ships_float32(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    output = tmp_path / "model"
    plain = recipe(encoder_folder, labelled_file, output, num_train_epochs=2, eval_steps=2, save_steps=2, bf16=True)
    train_model(replace(plain, quantize=False))
    text = labelled_articles()[0].text
    exact, exported = (load(output, runtime=runtime).predict(text) for runtime in ("torch", "onnx"))
    for one, other in zip(exact.sentences, exported.sentences, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def test_the_same_seed_gives_the_same_model(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    outputs = [tmp_path / "first", tmp_path / "second"]
    metrics = [train_model(recipe(encoder_folder, labelled_file, path, num_train_epochs=10)) for path in outputs]
    assert metrics[0] is not None
    assert metrics[1] is not None
    assert metrics[0]["gold_sentences"] == metrics[1]["gold_sentences"]
