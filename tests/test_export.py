from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer

from escalation.encoding import WindowEncoder
from escalation.export import export_onnx, stored_parameters, to_onnx
from escalation.modeling import EscalationModel
from escalation.onnx_runtime import OnnxRuntime
from escalation.quantization import quantize
from escalation.torch_runtime import TorchRuntime


@pytest.fixture(scope="module")
def model(encoder_folder: Path) -> EscalationModel:
    torch.manual_seed(0)
    return EscalationModel.from_encoder(encoder_folder, window_tokens=48)


@pytest.fixture(scope="module")
def graph(model: EscalationModel) -> onnx.ModelProto:
    return to_onnx(model)


def test_initializers_hold_the_parameters_under_their_names(model: EscalationModel, graph: onnx.ModelProto) -> None:
    stored = stored_parameters(graph)
    assert all(torch.equal(stored[name], value) for name, value in model.state_dict().items())


def test_graphs_tell_nothing_of_the_machine_they_were_made_on(graph: onnx.ModelProto) -> None:
    assert b".py" not in graph.SerializeToString()


@pytest.mark.parametrize(("block", "kind"), [(None, onnx.TensorProto.INT8), (16, onnx.TensorProto.UINT8)])
def test_quantised_weights_stay_close(
    model: EscalationModel, graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch, block: int | None, kind: int
) -> None:
    monkeypatch.setattr("escalation.quantization._SMALLEST_TABLE", 100)
    quantized = quantize(graph, block=block)
    types = {item.data_type for item in quantized.graph.initializer if len(item.dims) >= 2 and item.dims[0] > 4}
    assert kind in types
    stored = stored_parameters(quantized)
    for name, value in model.state_dict().items():
        assert (stored[name] - value).abs().max() <= value.abs().max() / 127
    table = "encoder.embeddings.word_embeddings.weight"
    rows = model.state_dict()[table]
    assert ((stored[table] - rows).abs() <= rows.abs().amax(dim=1, keepdim=True) / 253).all()


@pytest.mark.parametrize(("block", "suffix"), [(None, "_quantized"), (32, "_Q8")])
def test_matrices_can_be_left_in_float32(graph: onnx.ModelProto, block: int | None, suffix: str) -> None:
    quantized = quantize(graph, ["layer.0.intermediate"], block)
    names = {item.name for item in quantized.graph.initializer}
    assert "encoder.encoder.layer.0.intermediate.dense.weight.transposed" in names
    assert f"encoder.encoder.layer.1.intermediate.dense.weight.transposed{suffix}" in names


@pytest.mark.parametrize("block", [None, 32])
def test_word_shapes_go_into_the_graph(
    encoder_folder: Path, tmp_path: Path, tokenizer: Tokenizer, block: int | None
) -> None:
    torch.manual_seed(0)
    shaped = EscalationModel.from_encoder(encoder_folder, window_tokens=48, word_shapes=True, quantization_block=block)
    torch.nn.init.normal_(shaped.shape_embeddings.weight)
    export_onnx(shaped, tmp_path / "model.onnx", quantized=True)
    runtime, exact = OnnxRuntime(tmp_path / "model.onnx", shaped.labels), TorchRuntime(shaped, 0, "cpu")
    encoder = WindowEncoder(tokenizer, 48, 8)
    scores = []
    for text in ("kyiv fired missiles", "KYIV fired Missiles"):
        block_of_text = encoder.encode(text, [(0, len(text))])
        inputs = encoder.window_inputs(block_of_text, block_of_text.windows[0])
        [ours], [theirs] = runtime.score([inputs]), exact.score([inputs])
        assert np.abs(ours - theirs).max() < 0.05
        scores.append(theirs)
    assert np.abs(scores[0] - scores[1]).max() > 0.05


def test_a_model_that_reads_shapes_asks_for_them(encoder_folder: Path) -> None:
    shaped = EscalationModel.from_encoder(encoder_folder, window_tokens=48, word_shapes=True)
    with pytest.raises(ValueError, match="shapes"):
        shaped(input_ids=torch.ones((1, 4), dtype=torch.int64))


def test_a_failed_export_leaves_the_old_graph(
    model: EscalationModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def save(graph: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("onnx.save", save)
    with pytest.raises(OSError, match="disk full"):
        export_onnx(model, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
