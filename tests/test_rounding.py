from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from escalation.export import to_onnx
from escalation.modeling import EscalationModel
from escalation.quantization import quantize
from escalation.rounding import simulate_rounding, stop_rounding


@pytest.fixture
def model(encoder_folder: Path) -> EscalationModel:
    torch.manual_seed(0)
    model = EscalationModel.from_encoder(encoder_folder, window_tokens=48)
    model.eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def test_rounding_is_that_of_the_graph(model: EscalationModel) -> None:
    ids = torch.randint(5, 100, (1, 30))
    with torch.inference_mode():
        exact = model(input_ids=ids, shapes=torch.zeros_like(ids)).scores
        simulate_rounding(model)
        rounded = model(input_ids=ids, shapes=torch.zeros_like(ids)).scores
        stop_rounding(model)
        again = model(input_ids=ids, shapes=torch.zeros_like(ids)).scores
    session = onnxruntime.InferenceSession(quantize(to_onnx(model)).SerializeToString())
    feed = {"input_ids": ids.numpy(), "shapes": np.zeros_like(ids.numpy())}
    graph = session.run(None, {item.name: feed[item.name] for item in session.get_inputs()})[0]
    assert torch.equal(exact, again)
    error = np.abs(rounded.numpy() - exact.numpy()).max()
    assert error > 0
    assert np.abs(graph - rounded.numpy()).max() < 0.3 * error


def test_windows_of_a_batch_are_rounded_apart() -> None:
    layer = nn.Sequential(nn.Linear(8, 4))
    simulate_rounding(layer)
    small, large = torch.randn(1, 3, 8), 1000 * torch.randn(1, 3, 8)
    assert torch.allclose(layer(torch.cat([small, large]))[0], layer(small)[0])


def test_gradients_pass_through() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(8, 4)
    inputs = torch.randn(2, 3, 8, requires_grad=True)
    layer(inputs).square().sum().backward()
    exact = [inputs.grad, layer.weight.grad]
    inputs.grad = layer.weight.grad = None
    simulate_rounding(nn.Sequential(layer))
    layer(inputs).square().sum().backward()
    for ours, theirs in zip([inputs.grad, layer.weight.grad], exact, strict=True):
        assert ours is not None
        assert theirs is not None
        assert torch.allclose(ours, theirs, atol=0.1 * float(theirs.abs().max()))


def test_parameters_keep_their_names_and_some_layers_stay_exact(model: EscalationModel) -> None:
    names = list(model.state_dict())
    simulate_rounding(model, ["layer.0.intermediate", "tag_head"])
    assert list(model.state_dict()) == names
    exact = {name for name, module in model.named_modules() if type(module) is nn.Linear}
    assert exact == {"encoder.encoder.layer.0.intermediate.dense", "tag_head"}
