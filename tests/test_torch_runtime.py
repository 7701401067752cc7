"""However windows are batched, cast or compiled, they score as they do alone in float32."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter
from transformers import MPNetConfig, MPNetModel

from escalation import torch_runtime
from escalation.batching import plan_batches
from escalation.encoding import FloatArray, IntArray, Shape
from escalation.modeling import EscalationModel
from escalation.torch_runtime import TorchRuntime

WINDOW_TOKENS = 50
LENGTHS = [3, 50, 17, 33, 33, 5, 48, 16, 16, 49, 24, 8, 31, 2]
FLOAT32_TOLERANCE = 1e-5
BFLOAT16_TOLERANCE = 3e-2
FLOAT16_TOLERANCE = 4e-3
"""As parts of the highest score: bfloat16 keeps eight bits, float16 eleven."""

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")


def make_model(encoder: Path, *, word_shapes: bool = True) -> EscalationModel:
    torch.manual_seed(0)
    model = EscalationModel.from_encoder(encoder, window_tokens=WINDOW_TOKENS, word_shapes=word_shapes)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3)
        if word_shapes:
            model.shape_embeddings.weight.normal_()
    return model


@pytest.fixture(scope="module")
def mpnet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder that reads positions relative to each other; it has room for 50 tokens and no more."""
    folder = tmp_path_factory.mktemp("mpnet")
    config = MPNetConfig(
        vocab_size=120,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=WINDOW_TOKENS + 2,
    )
    MPNetModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(params=["bert", "bert without shapes", "mpnet"])
def model(request: pytest.FixtureRequest, encoder_folder: Path, mpnet_folder: Path) -> EscalationModel:
    encoder = mpnet_folder if request.param == "mpnet" else encoder_folder
    return make_model(encoder, word_shapes=request.param != "bert without shapes")


@pytest.fixture
def bert(encoder_folder: Path) -> EscalationModel:
    return make_model(encoder_folder)


def make_windows(lengths: list[int]) -> list[IntArray]:
    generator = np.random.default_rng(0)
    return [
        np.stack([generator.integers(5, 100, length), generator.integers(0, len(Shape), length)]) for length in lengths
    ]


@pytest.fixture
def windows() -> list[IntArray]:
    return make_windows(LENGTHS)


@torch.inference_mode()
def scores_alone(model: EscalationModel, windows: list[IntArray]) -> list[FloatArray]:
    """Score each window alone in float32, straight through the model."""
    model.eval()
    inputs = [torch.from_numpy(window[:, None]) for window in windows]
    return [model(ids, torch.ones_like(ids), shapes).scores[0].numpy() for ids, shapes in inputs]


def assert_same(found: list[FloatArray], expected: list[FloatArray], tolerance: float) -> None:
    assert [scores.shape for scores in found] == [scores.shape for scores in expected]
    assert {scores.dtype for scores in found} == {np.dtype(np.float32)}
    assert max(np.abs(one - other).max() for one, other in zip(found, expected, strict=True)) < tolerance


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize("budget", [1, 64, 100_000])
def test_batches_change_no_scores(
    model: EscalationModel, windows: list[IntArray], kind: str, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are batched on the CPU and, on the CPU all the same, as they are for CUDA."""
    expected = scores_alone(model, windows)
    batching = torch_runtime._BATCHING[kind]
    batching = torch_runtime._Batching(budget, batching.overhead, batching.multiple)
    monkeypatch.setitem(torch_runtime._BATCHING, "cpu", batching)
    assert_same(TorchRuntime(model, 1, "cpu").score(windows), expected, FLOAT32_TOLERANCE)


def test_the_mask_is_left_out_where_nothing_is_padded(bert: EscalationModel) -> None:
    masks = []
    bert.register_forward_pre_hook(lambda _, inputs: masks.append(inputs[1]))
    runtime = TorchRuntime(bert, 0, "cpu")
    runtime.score(make_windows([16, 16, 16]))
    runtime.score(make_windows([15, 16]))
    assert masks[0] is None
    assert masks[1].tolist() == [[1] * 16, [1] * 15 + [0]]


def test_a_batch_is_read_once_the_next_is_under_way(bert: EscalationModel, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = TorchRuntime(bert, 0, "cpu")
    start, result = runtime._start, torch_runtime._Copy.result
    events = []

    def noted_start(inputs: torch.Tensor) -> torch_runtime._Copy:
        events.append("start")
        return start(inputs)

    def noted_result(copy: torch_runtime._Copy) -> FloatArray:
        events.append("read")
        return result(copy)

    monkeypatch.setattr(runtime, "_start", noted_start)
    monkeypatch.setattr(torch_runtime._Copy, "result", noted_result)
    monkeypatch.setattr(runtime, "_batching", torch_runtime._Batching(1, 0))
    runtime.score(make_windows([16, 9, 4]))
    assert events == ["start", "start", "read", "start", "read", "read"]


def test_scores_are_independent_of_each_other_and_of_the_batch(bert: EscalationModel) -> None:
    first, second = TorchRuntime(bert, 0, "cpu").score(make_windows([16, 16]))
    assert first.base is None
    assert second.base is None


def test_no_windows_give_no_scores(bert: EscalationModel) -> None:
    assert TorchRuntime(bert, 0, "cpu").score([]) == []


@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_that_is_not_there_is_told(bert: EscalationModel, device: str) -> None:
    with pytest.raises(ValueError, match=f"cannot run on device '{device}'"):
        TorchRuntime(bert, 0, device)


def test_float32_is_kept_on_the_cpu(bert: EscalationModel) -> None:
    assert TorchRuntime(bert, 0, "cpu").dtype == torch.float32
    assert {parameter.dtype for parameter in bert.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({"bfloat16": True}, torch.float32),
        ({"dtype": torch.bfloat16}, torch.bfloat16),
        ({"dtype": torch.float16}, torch.float16),
    ],
)
def test_half_precision_is_close(
    model: EscalationModel, windows: list[IntArray], settings: dict[str, Any], weights: torch.dtype
) -> None:
    expected = scores_alone(model, windows)
    found = TorchRuntime(model, 1, "cpu", **settings).score(windows)
    assert {parameter.dtype for parameter in model.parameters()} == {weights}
    scale = max(np.abs(scores).max() for scores in expected)
    tolerance = FLOAT16_TOLERANCE if weights == torch.float16 else BFLOAT16_TOLERANCE
    assert_same(found, expected, tolerance * max(scale, 1))


@pytest.mark.parametrize("name", ["bert", "mpnet"])
def test_cuda_takes_the_more_exact_format_where_numbers_stay_in_its_range(name: str) -> None:
    assert torch_runtime._fastest_dtype(torch.device("cuda"), name) == torch.float16


@pytest.fixture
def eager_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch trace models and run them as they are traced, without a compiler."""
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


def test_what_cannot_be_compiled_runs_as_it_is(
    bert: EscalationModel, windows: list[IntArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Callable[..., Any]:
        raise FileNotFoundError("no compiler here\nand more")

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=refuse))
    expected = scores_alone(bert, windows)
    with pytest.warns(RuntimeWarning, match="runs uncompiled, for it cannot be compiled for 'cpu': no compiler here$"):
        runtime = TorchRuntime(bert, 0, "cpu", compile=True)
    assert_same(runtime.score(windows), expected, FLOAT32_TOLERANCE)


def test_a_model_is_compiled_a_few_times_whatever_the_lengths(
    bert: EscalationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a mask, without one, and each of them for a single row."""
    counter = CompileCounter()
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counter))
    runtime = TorchRuntime(bert, 0, "cpu", compile=True)
    for lengths in ([20], [20, 19], [20, 20], [31], [44, 44, 43], [7, 7, 7], [50, 50, 50, 48], [16]):
        runtime.score(make_windows(lengths))
    assert 1 <= counter.frame_count <= 4


def score_from_threads(runtime: TorchRuntime, windows: list[IntArray]) -> list[list[FloatArray]]:
    """Score the windows from several threads at once, each in an order of its own."""
    orders = [np.random.default_rng(seed).permutation(len(windows)).tolist() for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda order: runtime.score([windows[index] for index in order]), orders))
    return [
        [scores[order.index(index)] for index in range(len(windows))]
        for order, scores in zip(orders, found, strict=True)
    ]


def test_threads_share_a_runtime(model: EscalationModel, windows: list[IntArray]) -> None:
    expected = scores_alone(model, windows)
    for found in score_from_threads(TorchRuntime(model, 1, "cpu"), windows):
        assert_same(found, expected, FLOAT32_TOLERANCE)


@pytest.mark.usefixtures("eager_compiler")
@pytest.mark.parametrize("model", ["bert", "mpnet"], indirect=True)
def test_threads_share_a_compiled_model(model: EscalationModel, windows: list[IntArray]) -> None:
    expected = scores_alone(model, windows)
    runtime = TorchRuntime(model, 1, "cpu", compile=True)
    assert runtime.model is model
    for found in score_from_threads(runtime, windows):
        assert_same(found, expected, FLOAT32_TOLERANCE)


@needs_cuda
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        (None, FLOAT16_TOLERANCE),
        (torch.float32, 1e-3),
        (torch.bfloat16, BFLOAT16_TOLERANCE),
    ],
)
def test_cuda_scores_as_the_cpu_does(
    model: EscalationModel,
    windows: list[IntArray],
    dtype: torch.dtype | None,
    tolerance: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = scores_alone(model, windows)
    tolerance *= max(1, *(np.abs(scores).max() for scores in expected))
    monkeypatch.setitem(torch_runtime._BATCHING, "cuda", torch_runtime._Batching(64, 0, 8))
    runtime = TorchRuntime(model, 1, "cuda", dtype=dtype)
    assert_same(runtime.score(windows), expected, tolerance)
    for found in score_from_threads(runtime, windows):
        assert_same(found, expected, tolerance)


@needs_cuda
def test_cuda_copies_through_pinned_memory(bert: EscalationModel, windows: list[IntArray]) -> None:
    runtime = TorchRuntime(bert, 0, "cuda")
    (batch,) = plan_batches([windows[0].shape[1]], 64, multiple=8)
    inputs = runtime._inputs(windows, batch)
    assert inputs.is_pinned()
    with torch.inference_mode():
        scores = runtime._start(inputs)
    assert scores._scores.is_pinned()
    assert scores.result().dtype == np.float32
