import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import metadata_load
from safetensors.torch import load_file
from transformers.trainer_utils import get_last_checkpoint

from escalation import load
from escalation.corpus import CorpusError
from escalation.modeling import EscalationModel
from escalation.recipe import CHECKPOINTS, Recipe
from escalation.training import TrainingError, _names_of, train_model
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
        dev=[str(with_another_ending(data))],
        output=str(output),
        window_tokens=48,
        window_overlap=8,
        head_learning_rate=1e-2,
        base_model="owner/tiny-encoder",
        trainer=settings | trainer,
    )


def with_another_ending(data: Path) -> Path:
    """Write documents for dev that differ from those of ``data`` by a last sentence alone."""
    ending = " Nobody knew more."
    path = data.with_suffix(".dev.jsonl")
    with path.open("w") as file:
        for line in data.read_text().splitlines():
            record = json.loads(line)
            end = len(record["text"])
            if record.get("sentences"):
                record["sentences"].append({"start": end + 1, "end": end + len(ending), "stances": []})
            file.write(json.dumps({**record, "id": f"dev-{record['id']}", "text": record["text"] + ending}) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path, labelled_file: Path) -> Path:
    output = tmp_path_factory.mktemp("trained") / "model"
    notes = output.with_name("notes.md")
    notes.write_text("Not for use.\n")
    tests = []
    for name, ending in (("test", "Nobody said more."), ("other", "Nobody asked more.")):
        path = labelled_file.with_name(f"{name}.jsonl")
        lines = with_another_ending(labelled_file).read_text().replace("Nobody knew more.", ending)
        path.write_text(lines.replace('"dev-', f'"{name}-'))
        tests.append(str(path))
    train_model(replace(recipe(encoder_folder, labelled_file, output), card_notes=str(notes), test=tests))
    return output


def test_training_writes_a_model_that_has_learnt_its_articles(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["gold_sentences"]["spans"]["micro"]["f1"] > 0.7
    assert metrics["gold_sentences"]["stances"]["primary_accuracy"] > 0.65
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


def test_a_checkpoint_is_a_model_too(trained: Path) -> None:
    text = labelled_articles()[0].text
    assert load(get_last_checkpoint(str(trained / CHECKPOINTS)), runtime="torch").predict(text).sentences


def test_the_card_tells_what_the_run_found(trained: Path, encoder_folder: Path) -> None:
    card = (trained / "README.md").read_text()
    metrics = json.loads((trained / "metrics.json").read_text())["raw_text"]
    assert "base_model: owner/tiny-encoder" in card
    assert "Not for use." in card
    assert f"| WEAPON | {metrics['spans']['WEAPON']['precision']:.3f} |" in card
    for name in ("test", "other"):
        assert re.search(rf"## Scores on [^/\n]+/{name}.jsonl\n", card)
        assert re.search(rf"\| [^/\n]+/{name}.jsonl: documents / sentences / spans \| 4 / 19 / 20 \|", card)
    assert card.count("| WEAPON |") == 3
    low, high = metrics["intervals"]["spans"]["WEAPON"]
    assert f"| {low:.3f} to {high:.3f} |" in card
    assert "| WEAPON, seen in training |" in card
    [index] = (metadata_load(trained / "README.md") or {})["model-index"]
    named = {(item["dataset"]["split"], metric["name"]) for item in index["results"] for metric in item["metrics"]}
    assert named >= {("dev", "ACTOR F1"), ("test", "all spans F1")}
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
    assert metrics["gold_sentences"].items() <= metrics["raw_text_float32"].items()


def test_training_in_bfloat16_ships_float32(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    output = tmp_path / "model"
    plain = recipe(encoder_folder, labelled_file, output, num_train_epochs=2, eval_steps=2, save_steps=2, bf16=True)
    train_model(replace(plain, quantize=False))
    text = labelled_articles()[0].text
    exact, exported = (load(output, runtime=runtime).predict(text) for runtime in ("torch", "onnx"))
    for one, other in zip(exact.sentences, exported.sentences, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def test_a_shrunk_model_learns_with_the_rounding_of_its_graph(
    tmp_path: Path, encoder_folder: Path, labelled_file: Path
) -> None:
    plan = replace(
        recipe(encoder_folder, labelled_file, tmp_path / "model"),
        encoder_layers=[1],
        feed_forward_size=40,
        vocabulary_size=150,
        quantization_aware=True,
    )
    metrics = train_model(plan)
    assert metrics is not None
    assert metrics["raw_text"]["spans"]["micro"]["f1"] > 0.5
    predictor = load(tmp_path / "model")
    assert predictor.encoder.tokenizer.get_vocab_size() == 150
    card = (tmp_path / "model" / "README.md").read_text()
    assert "layers 1; 40 neurons of each feed-forward layer; 150 tokens of its vocabulary" in card
    assert "8-bit integers, whose rounding errors training took into account" in card


def test_what_was_learnt_is_averaged_with_what_it_started_from(
    tmp_path: Path, trained: Path, labelled_file: Path
) -> None:
    states = []
    for name, weight in (("new", 0.0), ("half", 0.5), ("old", 1.0)):
        plan = recipe(trained, labelled_file, tmp_path / name, num_train_epochs=2, eval_steps=2, save_steps=2)
        train_model(replace(plan, starting_weight=weight, quantize=False))
        states.append(load_file(tmp_path / name / "model.safetensors"))
    new, half, old = states
    start = load_file(trained / "model.safetensors")
    for name, value in half.items():
        assert torch.allclose(old[name], start[name])
        assert torch.allclose(value, (new[name] + start[name]) / 2, atol=1e-6)
    assert any(not torch.equal(value, old[name]) for name, value in new.items())


def test_the_mean_of_trained_models_is_a_model(tmp_path: Path, trained: Path, labelled_file: Path) -> None:
    other = tmp_path / "other"
    train_model(recipe(trained, labelled_file, other, num_train_epochs=2, eval_steps=2, save_steps=2))
    mean = tmp_path / "mean"
    plan = recipe(trained, labelled_file, mean, num_train_epochs=0, eval_strategy="no", load_best_model_at_end=False)
    metrics = train_model(replace(plan, average_with=[str(other)]))
    assert metrics is not None
    found, first, second = (load_file(folder / "model.safetensors") for folder in (mean, trained, other))
    for name, value in found.items():
        assert torch.allclose(value, (first[name] + second[name]) / 2, atol=1e-6)
    card = (mean / "README.md").read_text()
    assert "the mean of the weights of 2 trained models" in card
    assert "Nothing was trained beyond that." in card


def test_the_same_seed_gives_the_same_model(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    outputs = [tmp_path / "first", tmp_path / "second"]
    metrics = [train_model(recipe(encoder_folder, labelled_file, path, num_train_epochs=10)) for path in outputs]
    assert metrics[0] is not None
    assert metrics[1] is not None
    assert metrics[0]["gold_sentences"] == metrics[1]["gold_sentences"]


def test_labels_of_ones_own_go_on_from_a_trained_model(tmp_path: Path, trained: Path, labelled_file: Path) -> None:
    renamed = labelled_file.read_text().replace('"ACTOR"', '"GROUP"').replace('"diplomacy"', '"talks"')
    data = tmp_path / "own.jsonl"
    data.write_text(renamed)
    output = tmp_path / "model"
    metrics = train_model(recipe(trained, data, output, num_train_epochs=40))
    assert metrics is not None
    assert metrics["gold_sentences"]["spans"]["GROUP"]["f1"] > 0.6
    predictor = load(output)
    assert predictor.decoder.labels.entity_labels == ("WEAPON", "GROUP")
    assert predictor.decoder.labels.stances == ("escalation", "retaliation", "talks")
    card = (output / "README.md").read_text()
    assert "GROUP" in card
    assert "| started from | model, a model trained before |" in card
    assert "base_model: owner/tiny-encoder" in card


@pytest.mark.parametrize(("dropped", "kept"), [("stances", "spans"), ("spans", "stances")])
def test_one_kind_of_label_is_enough(
    tmp_path: Path, encoder_folder: Path, labelled_file: Path, dropped: str, kept: str
) -> None:
    data = tmp_path / "half.jsonl"
    records = [json.loads(line) for line in labelled_file.read_text().splitlines()]
    for record in records:
        if dropped == "spans":
            record["spans"] = []
        else:
            del record["sentences"]
    data.write_text("".join(json.dumps(record) + "\n" for record in records))
    metrics = train_model(recipe(encoder_folder, data, tmp_path / "model"))
    assert metrics is not None
    found = metrics["gold_sentences"][kept]
    assert (found["micro"]["f1"] if kept == "spans" else found["macro_f1"]) > 0.6
    document = load(tmp_path / "model").predict(labelled_articles()[0].text)
    assert bool(document.spans) == (kept == "spans")
    assert all(not sentence.scores for sentence in document.sentences) == (kept == "spans")
    card = (tmp_path / "model" / "README.md").read_text()
    assert ("escalation, retaliation" in card) == (kept == "stances")


def test_stances_that_the_data_lack_stay_as_they_were(tmp_path: Path, trained: Path, labelled_file: Path) -> None:
    data = tmp_path / "spans.jsonl"
    records = [json.loads(line) for line in labelled_file.read_text().splitlines()]
    data.write_text("".join(json.dumps({**record, "sentences": []}) + "\n" for record in records))
    kept = replace(
        recipe(trained, data, tmp_path / "model", num_train_epochs=1, learning_rate=1e-6),
        stances=["escalation", "retaliation", "diplomacy"],
        head_learning_rate=1e-6,
    )
    train_model(kept)
    text = labelled_articles()[0].text
    before, after = (load(folder, runtime="torch").predict(text) for folder in (trained, tmp_path / "model"))
    for one, other in zip(before.sentences, after.sentences, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=0.01)


def test_bad_data_is_refused_before_anything_is_loaded(tmp_path: Path, labelled_file: Path) -> None:
    data = tmp_path / "bad.jsonl"
    lines = labelled_file.read_text().splitlines()
    lines[1] = lines[1].replace('"end": 6', '"end": 5')
    data.write_text("\n".join(lines))
    with pytest.raises(CorpusError, match=r"bad.jsonl, line 2, document 'convoy': error: span 0:5 .* cuts through"):
        train_model(recipe(Path("no-encoder"), data, tmp_path / "model"))
    assert not (tmp_path / "model").exists()


def test_a_document_in_train_and_dev_is_refused(tmp_path: Path, labelled_file: Path) -> None:
    copy = tmp_path / "dev.jsonl"
    copy.write_text(labelled_file.read_text().replace('"id": "', '"id": "other-'))
    plan = replace(recipe(Path("no-encoder"), labelled_file, tmp_path / "model"), dev=[str(copy)])
    with pytest.raises(CorpusError, match="keep it in one split"):
        train_model(plan)


def test_checkpoints_of_an_earlier_run_are_not_mixed_up(
    trained: Path, encoder_folder: Path, labelled_file: Path
) -> None:
    with pytest.raises(FileExistsError, match="--resume goes on"):
        train_model(recipe(encoder_folder, labelled_file, trained))


def test_out_of_memory_says_what_to_lower(
    tmp_path: Path, encoder_folder: Path, labelled_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(EscalationModel, "forward", exhausted)
    with pytest.raises(TrainingError, match=r"lower trainer.per_device_train_batch_size \(now 4;"):
        train_model(recipe(encoder_folder, labelled_file, tmp_path / "model"))


def test_test_files_of_one_name_are_kept_apart() -> None:
    paths = ["data/test.jsonl", "/home/a/news/test.jsonl", "/home/b/news/test.jsonl", "/home/c/news/test.jsonl"]
    names = ["data/test.jsonl", "news/test.jsonl", "news/test.jsonl (2)", "news/test.jsonl (3)"]
    assert _names_of(paths) == names
