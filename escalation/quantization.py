"""8-bit weights for ONNX graphs.

Matrices are quantised per output channel and multiplied in integers, with activations quantised on the fly
(ONNX Runtime's dynamic quantisation), which rounds coarsely where a few activations are far larger than the rest: such
matrices can be left in float32. Or weights and activations are quantised in blocks, with a scale for each block of each
row (ONNX Runtime's ``MatMulNBits``), which costs next to no accuracy and takes longer. The word embeddings, half of a
small model, are quantised per row: one scale for a whole table rounds the small vectors of rare words away, and rare
words are what names are made of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

_QUANTIZED = "_quantized"
_SCALE = "_scale"
_ZERO_POINT = "_zero_point"
_BLOCKS = "_Q8"
_MIDDLE = 128.0
_INTEGER_PRODUCTS = 4
_SMALLEST_TABLE = 1_000
"""Rows below which an embedding table stays in float32."""


def quantize(graph: onnx.ModelProto, float32_matrices: Sequence[str] = (), block: int | None = None) -> onnx.ModelProto:
    """Return a copy of a float32 graph with 8-bit matrices and embedding tables.

    Args:
        graph: A float32 graph.
        float32_matrices: Matrices whose names contain one of these stay as they are.
        block: Numbers that share a scale, a power of two from 16; by default a whole row of weights and all activations
            of a window do.
    """
    kept = [
        node.name
        for node in graph.graph.node
        if node.op_type == "MatMul" and any(part in name for name in node.input for part in float32_matrices)
    ]
    with _without_advice():
        quantized = _quantize_rows(graph, kept) if block is None else _quantize_blocks(graph, kept, block)
    _quantize_embeddings(quantized.graph)
    return quantized


def _quantize_rows(graph: onnx.ModelProto, kept: list[str]) -> onnx.ModelProto:
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "quantized.onnx")
        onnx.save(graph, source)
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=kept,
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )
        return onnx.load(target)


def _quantize_blocks(graph: onnx.ModelProto, kept: list[str], block: int) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(graph)
    quantizer = MatMulNBitsQuantizer(
        copied, bits=8, block_size=block, is_symmetric=True, accuracy_level=_INTEGER_PRODUCTS, nodes_to_exclude=kept
    )
    quantizer.process()
    quantized: onnx.ModelProto = quantizer.model.model
    return quantized


def dequantized_initializers(graph: onnx.ModelProto) -> dict[str, npt.NDArray[Any]]:
    """Return the initializers of a graph by name, those of 8 bits as the float32 values that they stand for."""
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.graph.initializer}
    dequantized = dict(_dequantized_blocks(graph, arrays))
    for name, values in arrays.items():
        base = name.removesuffix(_QUANTIZED)
        if base != name and base + _SCALE in arrays:
            zero_point = arrays.get(base + _ZERO_POINT, np.int8(0))
            dequantized[base] = (values.astype(np.float32) - zero_point) * arrays[base + _SCALE]
        else:
            dequantized[name] = values
    return dequantized


def _dequantized_blocks(
    graph: onnx.ModelProto, arrays: dict[str, npt.NDArray[Any]]
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield name and values of each matrix that is quantised in blocks, and take its parts out of ``arrays``."""
    for node in graph.graph.node:
        if node.op_type == "MatMulNBits":
            rows = {item.name: helper.get_attribute_value(item) for item in node.attribute}["K"]
            integers, scales = arrays.pop(node.input[1]), arrays.pop(node.input[2])
            values = (integers.astype(np.float32) - _MIDDLE) * scales.reshape(*integers.shape[:2], 1)
            yield node.input[1].removesuffix(_BLOCKS), values.reshape(len(values), -1)[:, :rows].T


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep back the root logger's advice to fuse the graph first, which the exporter has done."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _quantize_embeddings(graph: onnx.GraphProto) -> None:
    """Replace each look-up in a large table by a look-up of 8-bit rows, times a look-up of the rows' scales."""
    tables = {
        item.name: item
        for item in graph.initializer
        if item.data_type == TensorProto.FLOAT and len(item.dims) == 2 and item.dims[0] >= _SMALLEST_TABLE
    }
    nodes = []
    for node in graph.node:
        if node.op_type != "Gather" or node.input[0] not in tables:
            nodes.append(node)
            continue
        name, indices = node.input
        rows, scales, output = f"{name}_rows", f"{name}_row_scales", node.output[0]
        nodes += [
            helper.make_node("Gather", [name + _QUANTIZED, indices], [rows], name=f"{node.name}_rows"),
            helper.make_node("Gather", [name + _SCALE, indices], [scales], name=f"{node.name}_scales"),
            helper.make_node("Cast", [rows], [f"{rows}_float"], name=f"{node.name}_cast", to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{rows}_float", scales], [output], name=f"{node.name}_scale"),
        ]
        if name + _QUANTIZED not in {item.name for item in graph.initializer}:
            values = numpy_helper.to_array(tables[name])
            scale = np.maximum(np.abs(values).max(axis=1, keepdims=True) / 127.0, np.finfo(np.float32).tiny)
            integers = np.rint(values / scale).astype(np.int8)
            graph.initializer.append(numpy_helper.from_array(integers, name + _QUANTIZED))
            graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), name + _SCALE))
    used = {name for node in nodes for name in node.input}
    kept = [item for item in graph.initializer if item.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
