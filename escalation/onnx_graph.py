"""ONNX graphs written operator by operator, for the encoders whose architecture is known here.

A general exporter translates what a model computes step by step: masks that no window needs, attention in a dozen
operators. Written by hand, the graph has one operator for attention (ONNX Runtime's ``MultiHeadAttention``) and no
mask, for windows are read without padding, and takes two thirds of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from escalation.modeling import EscalationModel

TRANSPOSED = ".transposed"
"""Ends the name of an initializer that holds a parameter transposed."""

_OPSET = 20
_IR_VERSION = 10
_RUNTIME_OPERATORS = "com.microsoft"
_ACTIVATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "gelu": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}
_BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "norm": "attention.output.LayerNorm",
}
_MPNET = {
    "query": "attention.attn.q",
    "key": "attention.attn.k",
    "value": "attention.attn.v",
    "output": "attention.attn.o",
    "norm": "attention.LayerNorm",
}
_LAYER_NAMES = {"bert": _BERT, "roberta": _BERT, "xlm-roberta": _BERT, "mpnet": _MPNET}


def can_write(model: EscalationModel) -> bool:
    """Whether :func:`write_graph` knows the model's encoder."""
    config: Any = model.config.encoder
    return (
        config.model_type in _LAYER_NAMES
        and config.hidden_act in _ACTIVATIONS
        and not getattr(config, "is_decoder", False)
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )


def write_graph(model: EscalationModel) -> onnx.ModelProto:
    """Return the float32 graph of a model, from token ids and word shapes of one window to token scores.

    Inputs are ``input_ids`` and, where the model reads them, ``shapes``, both of shape ``(batch, tokens)``; the output
    is ``scores``, shape ``(batch, tokens, score_count)``. Windows of a batch must be of one length, without padding.
    Initializers carry the names of the model's parameters.

    Args:
        model: A model whose encoder :func:`can_write` knows.
    """
    return _GraphWriter(model).graph()


class _GraphWriter:
    """Writes nodes in order; methods return the name of what they compute."""

    def __init__(self, model: EscalationModel) -> None:
        self._model = model
        self._config: Any = model.config.encoder
        self._parameters = {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._nodes: list[onnx.NodeProto] = []

    def graph(self) -> onnx.ModelProto:
        hidden = self._embeddings()
        bias = self._position_bias() if self._config.model_type == "mpnet" else ""
        for layer in range(self._config.num_hidden_layers):
            hidden = self._layer(hidden, f"encoder.encoder.layer.{layer}.", bias)
        scores = [self._linear(hidden, "tag_head")]
        if self._model.labels.stances:
            voices = self._activated(self._linear(hidden, "stance_head.0"), "gelu")
            scores.append(self._linear(voices, "stance_head.3"))
        self._node("Concat", scores, output="scores", axis=-1)
        names = ["input_ids", *(["shapes"] if self._model.config.word_shapes else [])]
        graph = helper.make_graph(
            self._nodes,
            "escalation",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names],
            [
                helper.make_tensor_value_info(
                    "scores", TensorProto.FLOAT, ["batch", "tokens", self._model.labels.score_count]
                )
            ],
            list(self._initializers.values()),
        )
        operators = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_RUNTIME_OPERATORS, 1)]
        return helper.make_model(graph, opset_imports=operators, ir_version=_IR_VERSION, producer_name="escalation")

    def _embeddings(self) -> str:
        prefix = "encoder.embeddings."
        words = self._node("Gather", [self._parameter(f"{prefix}word_embeddings.weight"), "input_ids"])
        if self._model.config.word_shapes:
            shapes = self._node("Gather", [self._parameter("shape_embeddings.weight"), "shapes"])
            words = self._node("Add", [words, shapes])
        if f"{prefix}token_type_embeddings.weight" in self._parameters:
            types = self._parameter(f"{prefix}token_type_embeddings.weight")
            words = self._node("Add", [words, self._node("Gather", [types, self._constant(np.int64(0))])])
        first = self._first_position()
        last = self._node("Add", [self._tokens(), self._constant(np.array([first]))])
        positions = self._node(
            "Slice",
            [self._parameter(f"{prefix}position_embeddings.weight"), self._constant(np.array([first])), last],
        )
        return self._norm(self._node("Add", [words, positions]), f"{prefix}LayerNorm")

    def _first_position(self) -> int:
        """Return the row of the first token's position; some encoders keep rows free for padding."""
        return 0 if self._config.model_type == "bert" else int(self._config.pad_token_id) + 1

    def _tokens(self) -> str:
        """Return the number of tokens, shape ``(1,)``."""
        return self._node("Shape", ["input_ids"], start=1, end=2)

    def _position_bias(self) -> str:
        """Return MPNet's bias of attention for each pair of positions, shape ``(1, heads, tokens, tokens)``."""
        longest = self._config.max_position_embeddings - self._first_position()
        distances = torch.arange(1 - longest, longest)
        buckets = self._model.encoder.encoder.relative_position_bucket(
            distances, num_buckets=self._config.relative_attention_num_buckets
        )
        table = self._parameter("encoder.encoder.relative_attention_bias.weight")
        by_distance = self._node("Transpose", [self._node("Gather", [table, self._constant(buckets.numpy())])])
        count = self._node("Squeeze", [self._tokens()])
        places = self._node("Range", [self._constant(np.int64(0)), count, self._constant(np.int64(1))])
        rows = self._node("Unsqueeze", [places, self._constant(np.array([1]))])
        differences = self._node("Sub", [places, rows])
        index = self._node("Add", [differences, self._constant(np.int64(longest - 1))])
        bias = self._node("Gather", [by_distance, index], axis=1)
        return self._node("Unsqueeze", [bias, self._constant(np.array([0]))])

    def _layer(self, hidden: str, prefix: str, bias: str) -> str:
        names = _LAYER_NAMES[self._config.model_type]
        heads = [self._linear(hidden, prefix + names[part]) for part in ("query", "key", "value")]
        attended = self._node(
            "MultiHeadAttention",
            [*heads, *(["", "", bias] if bias else [])],
            domain=_RUNTIME_OPERATORS,
            num_heads=self._config.num_attention_heads,
        )
        attended = self._linear(attended, prefix + names["output"])
        hidden = self._norm(self._node("Add", [attended, hidden]), prefix + names["norm"])
        inner = self._activated(self._linear(hidden, f"{prefix}intermediate.dense"), self._config.hidden_act)
        outer = self._linear(inner, f"{prefix}output.dense")
        return self._norm(self._node("Add", [outer, hidden]), f"{prefix}output.LayerNorm")

    def _linear(self, hidden: str, name: str) -> str:
        product = self._node("MatMul", [hidden, self._parameter(f"{name}.weight", transposed=True)])
        return self._node("Add", [product, self._parameter(f"{name}.bias")])

    def _norm(self, hidden: str, name: str) -> str:
        scale, shift = self._parameter(f"{name}.weight"), self._parameter(f"{name}.bias")
        return self._node("LayerNormalization", [hidden, scale, shift], axis=-1, epsilon=self._config.layer_norm_eps)

    def _activated(self, hidden: str, activation: str) -> str:
        operator, settings = _ACTIVATIONS[activation]
        return self._node(operator, [hidden], **settings)

    def _node(
        self, operator: str, inputs: Sequence[str], *, output: str | None = None, domain: str = "", **settings: Any
    ) -> str:
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, domain=domain, **settings))
        return output

    def _parameter(self, name: str, *, transposed: bool = False) -> str:
        values = self._parameters[name]
        return self._initializer(name + TRANSPOSED, values.T) if transposed else self._initializer(name, values)

    def _constant(self, values: np.int64 | npt.NDArray[np.int64]) -> str:
        return self._initializer(f"constant_{len(self._initializers)}", np.asarray(values))

    def _initializer(self, name: str, values: npt.NDArray[Any]) -> str:
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.array(values, order="C"), name)
        return name
