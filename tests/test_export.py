from pathlib import Path

import onnx
import pytest
import torch

from escalation.export import export_onnx, stored_parameters, to_onnx
from escalation.modeling import EscalationModel
from escalation.quantization import quantize


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


def test_quantised_weights_stay_close(
    model: EscalationModel, graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escalation.quantization._SMALLEST_TABLE", 100)
    quantized = quantize(graph)
    types = {item.data_type for item in quantized.graph.initializer if len(item.dims) == 2 and min(item.dims) > 4}
    assert onnx.TensorProto.INT8 in types
    stored = stored_parameters(quantized)
    for name, value in model.state_dict().items():
        assert (stored[name] - value).abs().max() <= value.abs().max() / 127
    table = "encoder.embeddings.word_embeddings.weight"
    rows = model.state_dict()[table]
    assert ((stored[table] - rows).abs() <= rows.abs().amax(dim=1, keepdim=True) / 253).all()


def test_matrices_can_be_left_in_float32(graph: onnx.ModelProto) -> None:
    quantized = quantize(graph, ["layer.0.intermediate"])
    names = {item.name for item in quantized.graph.initializer}
    assert "encoder.encoder.layer.0.intermediate.dense.weight.transposed" in names
    assert "encoder.encoder.layer.1.intermediate.dense.weight.transposed_quantized" in names


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
