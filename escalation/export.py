"""ONNX graphs: exporting a trained model, and loading a model from its graph alone.

The graph keeps the names of the model's parameters. So the shipped models need only one file of weights: ONNX
Runtime runs it, and the torch runtime and retraining take the (dequantised) parameters from it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from transformers import AutoConfig

from escalation.model_folder import ModelFolder, ModelFolderError
from escalation.modeling import EscalationModel
from escalation.onnx_graph import TRANSPOSED, can_write, write_graph
from escalation.quantization import dequantized_initializers, quantize

_PREFIX = "model."
"""Where the exporter's names begin: the attribute of :class:`_TokenScores`."""


class _TokenScores(nn.Module):
    """The model as a function from ids, mask and word shapes to token scores."""

    def __init__(self, model: EscalationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, shapes: Tensor | None = None) -> Tensor:
        scores = self.model(input_ids, attention_mask, shapes).scores
        assert isinstance(scores, Tensor)
        return scores


def export_onnx(model: EscalationModel, path: Path, *, quantized: bool = False) -> None:
    """Write the graph from token ids and, where the model reads them, word shapes to token scores.

    Args:
        model: A trained model.
        path: File to write; it is replaced only when the graph is whole.
        quantized: Store 8-bit integer weights, and multiply in integers (see :mod:`escalation.quantization`), in
            blocks of the model's ``config.quantization_block``, but for its ``config.float32_matrices``.
    """
    graph = to_onnx(model)
    if quantized:
        graph = quantize(graph, model.config.float32_matrices, model.config.quantization_block)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        onnx.save(graph, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def to_onnx(model: EscalationModel) -> onnx.ModelProto:
    """Return the float32 graph of a model; its initializers carry the names of the model's parameters.

    Encoders that :mod:`escalation.onnx_graph` does not know are traced by torch's exporter; their graphs read an
    ``attention_mask`` too.
    """
    return write_graph(model) if can_write(model) else traced_graph(model)


def traced_graph(model: EscalationModel) -> onnx.ModelProto:
    """Return the graph that torch's exporter makes of a model, whatever its encoder."""
    ids = torch.ones((2, 8), dtype=torch.int64)
    batch, tokens = torch.export.Dim("batch", min=1), torch.export.Dim("tokens", min=1)
    names = ["input_ids", "attention_mask", *(["shapes"] if model.config.word_shapes else [])]
    was_training, device = model.training, model.device
    try:
        with _quiet():
            program = torch.onnx.export(
                _TokenScores(model.cpu()).eval(),
                tuple(torch.ones_like(ids) for _ in names),
                dynamo=True,
                dynamic_shapes={name: {0: batch, 1: tokens} for name in names},
                input_names=names,
                output_names=["scores"],
                verbose=False,
            )
    finally:
        model.train(was_training).to(device)
    assert program is not None
    graph: onnx.ModelProto = program.model_proto
    _drop_traces(graph)
    _name_like_parameters(graph, model)
    return graph


def load_exported(folder: ModelFolder) -> EscalationModel:
    """Load a model whose folder has an ONNX graph and no safetensors.

    Args:
        folder: The model.

    Raises:
        ModelFolderError: The graph is broken, or lacks parameters of the model.
    """
    try:
        graph = onnx.load(folder.onnx_path)
    except Exception as error:  # protobuf's DecodeError, among others
        raise ModelFolderError(f"{folder.onnx_path}: not an ONNX graph, or cut short: {error}") from None
    model = EscalationModel(AutoConfig.from_pretrained(folder.path))
    state, expected = stored_parameters(graph), model.state_dict()
    if not model.labels.stances:  # the graph leaves out a head that gives no scores
        state = {name: value for name, value in expected.items() if name.startswith("stance_head.")} | state
    missing = [name for name, value in expected.items() if name not in state or state[name].shape != value.shape]
    if missing:
        raise ModelFolderError(f"{folder.onnx_path}: holds no {missing[0]!r} of the shape that config.json asks for")
    model.load_state_dict({name: state[name] for name in expected})
    return model


def stored_parameters(graph: onnx.ModelProto) -> dict[str, Tensor]:
    """Return the parameters in a graph that :func:`export_onnx` wrote, those of 8 bits dequantised, by name."""
    parameters = {}
    for name, values in dequantized_initializers(graph).items():
        tensor = torch.from_numpy(np.array(values))
        if name.endswith(TRANSPOSED):
            name, tensor = name.removesuffix(TRANSPOSED), tensor.T.contiguous()
        parameters[name] = tensor
    aliases = {item.key: item.value for item in graph.metadata_props}
    return parameters | {name: parameters[stored] for name, stored in aliases.items() if stored in parameters}


def _name_like_parameters(graph: onnx.ModelProto, model: EscalationModel) -> None:
    """Give each initializer the name of the parameter that it holds, as it stands or transposed.

    The exporter keeps one of several equal parameters; the graph's metadata say which stands for the others.
    """
    parameters = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    transposed = {f"{name}{TRANSPOSED}": value.T for name, value in parameters.items() if value.ndim == 2}
    candidates = parameters | transposed
    renamed: dict[str, str] = {}
    for initializer in graph.graph.initializer:
        name = initializer.name.removeprefix(_PREFIX)
        if name not in parameters:
            values = numpy_helper.to_array(initializer)
            name = next((key for key, value in candidates.items() if np.array_equal(value, values)), initializer.name)
        if name in renamed.values():
            continue
        renamed[initializer.name] = initializer.name = name
    for node in graph.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
    stored = {initializer.name: numpy_helper.to_array(initializer) for initializer in graph.graph.initializer}
    for name, value in parameters.items():
        if name not in stored and name + TRANSPOSED not in stored:
            equal = next((key for key, values in stored.items() if np.array_equal(values, value)), None)
            if equal is not None:
                graph.metadata_props.add(key=name, value=equal)


def _drop_traces(graph: onnx.ModelProto) -> None:
    """Remove the exporter's notes of which line of which file each node comes from."""
    del graph.metadata_props[:], graph.graph.metadata_props[:], graph.graph.value_info[:]
    for item in [*graph.graph.node, *graph.graph.initializer, *graph.graph.input, *graph.graph.output]:
        del item.metadata_props[:]
        item.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on its own workings off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
