from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from transformers import AutoConfig

from escalation.configuration import EscalationConfig
from escalation.export import load_exported, to_onnx
from escalation.model_folder import ModelFolder
from escalation.modeling import EscalationModel
from escalation.onnx_graph import can_write, write_graph
from escalation.onnx_runtime import OnnxRuntime
from escalation.quantization import quantize

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}


def random_model(encoder: str, **settings: Any) -> EscalationModel:
    torch.manual_seed(1)
    config = AutoConfig.for_model(encoder, **(SIZES | settings))
    model = EscalationModel(EscalationConfig(encoder=config, window_tokens=32, word_shapes=True))
    model.eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize(
    ("encoder", "settings"),
    [
        ("bert", {}),
        ("bert", {"hidden_act": "gelu_new", "pad_token_id": 3}),
        ("roberta", {"pad_token_id": 1}),
        ("xlm-roberta", {"pad_token_id": 1, "hidden_act": "relu"}),
        ("mpnet", {"pad_token_id": 1}),
    ],
)
@pytest.mark.parametrize("tokens", [1, 9, 32])
def test_graphs_score_as_the_model_does(encoder: str, settings: dict[str, Any], tokens: int) -> None:
    model = random_model(encoder, **settings)
    graph = write_graph(model)
    onnx.checker.check_model(graph)
    ids = torch.randint(4, 60, (1, tokens))
    shapes = torch.randint(0, 6, (1, tokens))
    with torch.inference_mode():
        expected = model(ids, torch.ones_like(ids), shapes).scores.numpy()
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    [scores] = session.run(None, {"input_ids": ids.numpy(), "shapes": shapes.numpy()})
    assert np.abs(scores - expected).max() < 1e-4


def test_models_without_stances_are_written_and_read_back(tmp_path: Path) -> None:
    config = AutoConfig.for_model("bert", **SIZES)
    model = EscalationModel(EscalationConfig(encoder=config, window_tokens=32, stances=[]))
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    onnx.save(quantize(write_graph(model)), tmp_path / "model.onnx")
    loaded = load_exported(ModelFolder.open(tmp_path))
    weight = model.tag_head.weight
    assert (loaded.tag_head.weight - weight).abs().max() <= weight.abs().max() / 127


def test_other_encoders_are_traced_and_run_all_the_same(tmp_path: Path) -> None:
    distilled = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}
    model = random_model("distilbert", **distilled)
    assert not can_write(model)
    path = tmp_path / "model.onnx"
    onnx.save(to_onnx(model), path)
    windows = [np.stack([np.arange(4, 4 + length), np.ones(length, dtype=np.int64)]) for length in (7, 30)]
    for window, scores in zip(windows, OnnxRuntime(path, model.labels, 2).score(windows), strict=True):
        ids, shapes = torch.from_numpy(window)[:, None]
        with torch.inference_mode():
            expected = model(ids, torch.ones_like(ids), shapes).scores.numpy()[0]
        assert np.abs(scores - expected).max() < 1e-4


@pytest.mark.parametrize("settings", [{"hidden_act": "silu"}, {"is_decoder": True}])
def test_what_is_not_known_is_not_written(settings: dict[str, Any]) -> None:
    assert can_write(random_model("bert"))
    assert not can_write(random_model("bert", **settings))
