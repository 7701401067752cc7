import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from escalation.benchmarking.children import measure_corpora
from escalation.benchmarking.results import read_result
from escalation.benchmarking.scaling import measure_lengths, measure_threads
from escalation.benchmarking.settings import Settings, model_name, shipped_models
from escalation.benchmarking.subject import Subject
from escalation.benchmarking.worker import stream_articles
from escalation.benchmarking.workload import Workload
from escalation.cli import app
from tests.conftest import SHIPPED_NAMES

runner = CliRunner()


def test_a_quick_run_of_a_model_of_ones_own(
    tiny_model: Path, labelled_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escalation.benchmarking.ceiling._CPU_SIZE", 64)
    monkeypatch.setattr(Settings, "round_seconds", 0.1)
    output, extra = tmp_path / "out", tmp_path / "figures.json"
    command = ["benchmark", "--quick", "--no-peers", "--rounds", "1", "--threads", "1", "--model", str(tiny_model)]
    command += ["--data", str(labelled_file), "--output", str(output), "--json", str(extra)]
    result = runner.invoke(app, command)
    assert result.exit_code == 0, result.stderr
    assert "Throughput" in result.stdout
    assert "measuring latency" in result.stderr
    measured = read_result(extra)
    assert measured == read_result(output / "benchmark.json")
    assert (output / "benchmark.md").is_file()
    assert measured.conditions.models == ("tiny",)
    assert str(tiny_model.parent) not in extra.read_text()
    for rows in (measured.throughput, measured.latency, measured.cold_start, measured.peak_memory, measured.disk):
        assert [row.model for row in rows] == ["tiny"]
    assert measured.disk[0].weights_bytes == (tiny_model / "model.onnx").stat().st_size
    assert not measured.threads
    assert "other tools" in {item.name for item in measured.skipped}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "missing.jsonl"], "missing.jsonl"),
        (["--model", "no-such-model"], "neither a shipped model"),
        (["--rounds", "0"], "rounds"),
        (["--json", "no-such-folder/figures.json"], "its folder is missing"),
    ],
)
def test_wrong_options_are_one_line(options: list[str], message: str) -> None:
    result = runner.invoke(app, ["benchmark", "--quick", "--no-peers", *options])
    assert result.exit_code == 2
    assert message in result.stderr


def test_all_shipped_models_are_measured_by_default(labelled_file: Path) -> None:
    assert sorted(shipped_models()) == SHIPPED_NAMES
    assert Settings.of(data=labelled_file).models == tuple(shipped_models())
    assert Settings.of(data=labelled_file).rounds >= 5


def test_models_are_called_by_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "a" / "mine").mkdir(parents=True)
    (tmp_path / "b" / "mine").mkdir(parents=True)
    assert model_name(str(tmp_path / "a" / "mine")) == "mine"
    assert [model_name(name) for name in ("small", "owner/model")] == ["small", "owner/model"]
    with pytest.raises(ValueError, match="two models are called 'mine'"):
        Settings.of([str(tmp_path / "a" / "mine"), str(tmp_path / "b" / "mine")])


def test_scaling_has_a_row_for_each_step(
    subject: Subject, workload: Workload, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "round_seconds", 0.1)
    monkeypatch.setattr(Settings, "lengths", (10, 40))
    monkeypatch.setattr(Settings, "corpora", (9,))
    monkeypatch.setattr("escalation.benchmarking.scaling.usable_cores", lambda: 2)
    lengths = measure_lengths([subject], workload, settings)
    assert [(row.model, row.sentences) for row in lengths] == [("tiny", 10), ("tiny", 40)]
    threads = measure_threads([subject], workload, replace(settings, rounds=1))
    assert [row.threads for row in threads] == [1, 2]
    corpora = measure_corpora([subject], settings)
    assert [row.articles for row in corpora] == [9]
    assert all(row.peak_bytes > 10_000_000 and row.sentences_per_second > 0 for row in corpora)
    monkeypatch.setattr("escalation.benchmarking.children.LONGEST_CORPUS", 1.0)
    monkeypatch.setattr(Settings, "corpora", (9, 9_000_000))
    assert [row.articles for row in measure_corpora([subject], settings)] == [9]


def test_the_worker_repeats_the_texts(tiny_model: Path, labelled_file: Path) -> None:
    told = stream_articles(str(tiny_model), str(labelled_file), 8, device="cpu", runtime="auto", threads=1)
    assert told["sentences"] == 2 * 15
    assert json.dumps(told)
