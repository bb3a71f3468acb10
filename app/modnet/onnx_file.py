"""Reads the tensors and the nodes out of an ONNX file, without the onnx package.

ONNX is Protocol Buffers. Only the handful of fields that hold weights are read; their numbers
are those of onnx.proto (ModelProto, GraphProto, NodeProto, TensorProto).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OP_TYPE = 1, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_NAME = 1, 2, 4, 8
_TENSOR_RAW, _TENSOR_LOCATION = 9, 14

# TensorProto.DataType: FLOAT, FLOAT16, DOUBLE. Others (shapes, indices) hold no weights.
_DTYPES: Mapping[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
}


class OnnxFormatError(ValueError):
    """The bytes are not a whole ONNX file."""


@dataclass(frozen=True)
class Node:
    op_type: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class OnnxGraph:
    """nodes: in the file's order, which is an order of execution.

    initializers: the floating-point ones, by name; read-only views of the file's bytes.
    """

    nodes: Sequence[Node]
    initializers: Mapping[str, npt.NDArray[Any]]


def parse(content: bytes) -> OnnxGraph:
    """Raises OnnxFormatError."""
    nodes: list[Node] = []
    initializers: dict[str, npt.NDArray[Any]] = {}
    graphs = [_bytes(v) for field, v in _fields(memoryview(content)) if field == _MODEL_GRAPH]
    if len(graphs) != 1:
        raise OnnxFormatError("it holds no graph")
    for field, value in _fields(graphs[0]):
        if field == _GRAPH_NODE:
            nodes.append(_node(_bytes(value)))
        elif field == _GRAPH_INITIALIZER:
            name, tensor = _tensor(_bytes(value))
            if tensor is not None:
                initializers[name] = tensor
    return OnnxGraph(nodes, initializers)


def _node(message: memoryview) -> Node:
    inputs: list[str] = []
    op_type = ""
    for field, value in _fields(message):
        if field == _NODE_INPUT:
            inputs.append(_text(value))
        elif field == _NODE_OP_TYPE:
            op_type = _text(value)
    return Node(op_type, tuple(inputs))


def _tensor(message: memoryview) -> tuple[str, npt.NDArray[Any] | None]:
    name, data_type = "", 0
    dims: list[int] = []
    raw: memoryview | None = None
    for field, value in _fields(message):
        if field == _TENSOR_NAME:
            name = _text(value)
        elif field == _TENSOR_DIMS:  # packed or one by one: a writer may choose
            dims += [value] if isinstance(value, int) else _varints(value)
        elif field == _TENSOR_TYPE:
            data_type = value if isinstance(value, int) else 0
        elif field == _TENSOR_RAW or (field == _TENSOR_FLOATS and not isinstance(value, int)):
            raw = _bytes(value)
        elif field == _TENSOR_LOCATION and value != 0:
            raise OnnxFormatError(f"the tensor {name!r} lies in another file")
    dtype = _DTYPES.get(data_type)
    if dtype is None:
        return name, None
    raw = memoryview(b"") if raw is None else raw
    if math.prod(dims) * dtype.itemsize != len(raw):
        raise OnnxFormatError(f"the tensor {name!r} is not as long as its shape says")
    return name, np.frombuffer(raw, dtype).reshape(dims)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) in the order of the file; fixed-width values as their bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            number, at = _varint(message, at)
            yield field, number
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise OnnxFormatError("it is not Protocol Buffers")
        if field == 0 or at + length > len(message):
            raise OnnxFormatError("it is truncated or not Protocol Buffers")
        yield field, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """-> the number that begins at `at`, and where the next thing begins."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise OnnxFormatError("it is truncated or not Protocol Buffers")


def _varints(packed: memoryview) -> list[int]:
    numbers, at = [], 0
    while at < len(packed):
        number, at = _varint(packed, at)
        numbers.append(number)
    return numbers


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise OnnxFormatError("a number stands where a message belongs")
    return value


def _text(value: int | memoryview) -> str:
    return _bytes(value).tobytes().decode("utf-8", errors="replace")
