"""The two runtimes give the same scores, and no window's scores depend on the windows beside it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from escalation import ModelFolderError, Predictor, load, onnx_runtime
from escalation.encoding import IntArray, Shape
from escalation.evaluation import evaluate_predictor, read_labelled
from escalation.export import export_onnx
from escalation.model_folder import DEFAULT_MODEL, SHIPPED
from escalation.torch_runtime import TorchRuntime
from tests.conftest import DEV, needs_dev_corpus

LENGTHS = [3, 250, 17, 64, 64, 5, 120]


@pytest.fixture(scope="module")
def windows(predictor: Predictor) -> list[IntArray]:
    generator = np.random.default_rng(0)
    encoder = predictor.encoder
    return [
        np.stack(
            [
                np.concatenate([encoder.prefix, generator.integers(1000, 30_000, length - 2), encoder.suffix]),
                generator.integers(0, len(Shape), length),
            ]
        )
        for length in LENGTHS
    ]


@pytest.fixture(scope="module")
def float32_predictor(torch_predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """The shipped model as a float32 graph on ONNX Runtime."""
    folder = Path(shutil.copytree(SHIPPED / DEFAULT_MODEL, tmp_path_factory.mktemp("float32") / "model"))
    assert isinstance(torch_predictor.runtime, TorchRuntime)
    export_onnx(torch_predictor.runtime.model, folder / "model.onnx")
    return load(folder)


def test_float32_scores_agree(
    float32_predictor: Predictor, torch_predictor: Predictor, windows: list[IntArray]
) -> None:
    ours, theirs = float32_predictor.runtime.score(windows), torch_predictor.runtime.score(windows)
    for onnx_scores, torch_scores, length in zip(ours, theirs, LENGTHS, strict=True):
        assert onnx_scores.shape == torch_scores.shape == (length, torch_predictor.decoder.labels.score_count)
        assert np.abs(onnx_scores - torch_scores).max() < 1e-4


@pytest.mark.parametrize("name", ["predictor", "torch_predictor"])
def test_a_window_scores_the_same_alone_and_among_others(
    name: str, windows: list[IntArray], request: pytest.FixtureRequest
) -> None:
    runtime = request.getfixturevalue(name).runtime
    together = runtime.score(windows)
    for window, scores in zip(windows, together, strict=True):
        assert np.abs(runtime.score([window])[0] - scores).max() < 1e-3
    assert runtime.score([]) == []


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_gives_the_same_scores(
    predictor: Predictor, windows: list[IntArray], threads: int
) -> None:
    runtime = load(threads=threads).runtime
    for several in (windows, windows[3:5], windows[:2] * 20):
        for ours, theirs in zip(runtime.score(several), predictor.runtime.score(several), strict=True):
            assert np.abs(ours - theirs).max() < 1e-3


@pytest.mark.parametrize("threads", [1, 3])
def test_errors_of_any_thread_reach_the_caller(windows: list[IntArray], threads: int) -> None:
    runtime = load(threads=threads).runtime
    broken = windows[3].copy()
    broken[0] = 1_000_000
    for place in range(4):
        several = [windows[3]] * place + [broken] + [windows[3]] * (3 - place)
        with pytest.raises(Exception, match="indices"):
            runtime.score(several)


@needs_dev_corpus
def test_the_quantised_model_reads_news_as_the_exact_one_does(predictor: Predictor, torch_predictor: Predictor) -> None:
    documents = read_labelled([DEV])
    quantised, exact = (evaluate_predictor(item, documents) for item in (predictor, torch_predictor))
    for label in ("WEAPON", "ACTOR"):
        assert quantised["spans"][label]["f1"] > exact["spans"][label]["f1"] - 0.005
    for figure in ("macro_f1", "primary_accuracy"):
        assert quantised["stances"][figure] > exact["stances"][figure] - 0.005


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runtime": "tensorflow"}, "runtime must be one of auto, onnx, torch"),
        ({"runtime": "onnx", "device": "cuda"}, "the ONNX runtime runs on the CPU, not on 'cuda'"),
        ({"device": "abacus"}, "cannot run on device 'abacus'"),
    ],
)
def test_wrong_choices_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(**arguments)


def test_onnx_without_a_graph_says_how_to_make_one(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED / DEFAULT_MODEL, tmp_path / "model"))
    (folder / "model.onnx").rename(folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match="escalation export"):
        load(folder, runtime="onnx")


@pytest.mark.parametrize(
    ("machine", "flags", "may_overflow"),
    [("x86_64", "avx2", True), ("AMD64", None, True), ("x86_64", "avx2 avx512_vnni", False), ("arm64", None, False)],
)
def test_products_are_exact_where_fast_ones_may_overflow(
    machine: str, flags: str | None, may_overflow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "cpuinfo"
    if flags is not None:
        info.write_text(f"flags : {flags}\n")
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(onnx_runtime, "_CPU_INFO", info)
    onnx_runtime._may_overflow.cache_clear()
    assert onnx_runtime._may_overflow() is may_overflow
    onnx_runtime._may_overflow.cache_clear()
