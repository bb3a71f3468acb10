"""Reads the tensors and the nodes out of an ONNX file, without the onnx package.

ONNX is Protocol Buffers. Only the handful of fields that hold weights are read; their numbers
are those of onnx.proto (ModelProto, GraphProto, NodeProto, TensorProto).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_TENSOR = 1, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_INTS, _TENSOR_NAME = 1, 2, 4, 5, 8
_TENSOR_RAW, _TENSOR_DOUBLES, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 9, 10, 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

# TensorProto.DataType: FLOAT, FLOAT16, DOUBLE, BFLOAT16. Others (shapes, indices) hold no weights.
_FLOAT16, _BFLOAT16 = 10, 16
_DTYPES: Mapping[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    _FLOAT16: np.dtype("<f2"),
    11: np.dtype("<f8"),
    _BFLOAT16: np.dtype("<u2"),
}
# No network of ours has more of them, and reading them would take long.
_MOST_NODES = 100_000
_MOST_DIMS = 8
_NAME = re.compile(r"[^/\\:\x00-\x1f]{1,255}")
_LARGEST_OUTSIDE = 400_000_000


class OnnxFormatError(ValueError):
    """The bytes are not a whole ONNX file."""


class OnnxElsewhere(Exception):
    """The tensors lie in another file, which is not there; the message says which."""


@dataclass(frozen=True)
class Node:
    op_type: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class OnnxGraph:
    """nodes: in the file's order, which is an order of execution.

    initializers: the floating-point ones, by name, also those that `Constant` nodes hold; read-only
        views of the file's bytes, except for what bfloat16 became.
    """

    nodes: Sequence[Node]
    initializers: Mapping[str, npt.NDArray[Any]]


def parse(content: bytes, *, folder: Path | None = None) -> OnnxGraph:
    """The graph of an ONNX file.

    folder: where the file lies, for tensors that it keeps in another file beside it.

    Raises:
        OnnxFormatError: the bytes are not a whole ONNX file.
        OnnxElsewhere: the file beside it is not there.
    """
    outside = _Outside(folder)
    nodes: list[Node] = []
    initializers: dict[str, npt.NDArray[Any]] = {}
    same: dict[str, str] = {}
    graphs = [_bytes(v) for field, v in _fields(memoryview(content)) if field == _MODEL_GRAPH]
    if len(graphs) != 1:
        raise OnnxFormatError("it holds no graph")
    for count, (field, value) in enumerate(_fields(graphs[0])):
        if count > _MOST_NODES:
            raise OnnxFormatError(f"it has more than {_MOST_NODES:,} nodes and tensors")
        if field == _GRAPH_NODE:
            node, outputs, constant = _node(_bytes(value))
            nodes.append(node)
            if node.op_type == "Constant" and constant is not None and outputs:
                tensor = _tensor(constant, outside)[1]
                if tensor is not None:
                    initializers[outputs[0]] = tensor
            elif node.op_type == "Identity" and node.inputs and outputs:
                same[outputs[0]] = node.inputs[0]
        elif field == _GRAPH_INITIALIZER:
            name, tensor = _tensor(_bytes(value), outside)
            if tensor is not None:
                initializers[name] = tensor
    # Exporters write a tensor that several nodes share once. Nodes come in the order of execution.
    for name, origin in same.items():
        if origin in initializers:
            initializers.setdefault(name, initializers[origin])
    return OnnxGraph(nodes, initializers)


def _node(message: memoryview) -> tuple[Node, list[str], memoryview | None]:
    """The node, its outputs, and the tensor that its attribute `value` holds, if any."""
    inputs: list[str] = []
    outputs: list[str] = []
    op_type = ""
    constant: memoryview | None = None
    for field, value in _fields(message):
        if field == _NODE_INPUT:
            inputs.append(_text(value))
        elif field == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif field == _NODE_OP_TYPE:
            op_type = _text(value)
        elif field == _NODE_ATTRIBUTE:
            attribute = dict(_fields(_bytes(value)))
            name = attribute.get(_ATTRIBUTE_NAME, b"")
            if _ATTRIBUTE_TENSOR in attribute and name == b"value":
                constant = _bytes(attribute[_ATTRIBUTE_TENSOR])
    return Node(op_type, tuple(inputs)), outputs, constant


class _Outside:
    """Files beside the ONNX file, each read once."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[str, memoryview] = {}

    def bytes_of(self, tensor: str, entries: Mapping[str, str]) -> memoryview:
        location = entries.get("location", "")
        if location not in self._read:
            self._read[location] = self._file(tensor, location)
        content = self._read[location]
        try:
            start = int(entries.get("offset") or 0)
            length = int(entries.get("length") or len(content) - start)
        except ValueError:
            raise OnnxFormatError(f"the place of the tensor {tensor!r} is no number") from None
        if not (start >= 0 and length >= 0 and start + length <= len(content)):
            raise OnnxFormatError(f"{location!r} beside it is truncated")
        return content[start : start + length]

    def _file(self, tensor: str, location: str) -> memoryview:
        # Only beside the file: another place is not the file's own to name.
        if not _NAME.fullmatch(location) or set(location) == {"."}:
            raise OnnxFormatError(f"the tensor {tensor!r} lies in another folder")
        if self._folder is None:
            raise OnnxElsewhere(f"its tensors lie in another file, {location}")
        path = self._folder / location
        if not path.is_file():
            raise OnnxElsewhere(
                f"its tensors lie in another file, {location}, which is not beside it; put it there"
            )
        if path.stat().st_size > _LARGEST_OUTSIDE:
            raise OnnxFormatError(f"{location!r} beside it is too large")
        return memoryview(path.read_bytes())


def _tensor(message: memoryview, outside: _Outside) -> tuple[str, npt.NDArray[Any] | None]:
    name, data_type = "", 0
    dims: list[int] = []
    raw: memoryview | None = None
    numbers: list[int] = []
    elsewhere = False
    entries: dict[str, str] = {}
    for field, value in _fields(message):
        if field == _TENSOR_NAME:
            name = _text(value)
        elif field == _TENSOR_DIMS:  # packed or one by one: a writer may choose
            dims += [value] if isinstance(value, int) else _varints(value)
        elif field == _TENSOR_TYPE:
            data_type = value if isinstance(value, int) else 0
        elif field == _TENSOR_RAW or (
            field in (_TENSOR_FLOATS, _TENSOR_DOUBLES) and not isinstance(value, int)
        ):
            raw = _bytes(value)
        elif field == _TENSOR_INTS and data_type in (_FLOAT16, _BFLOAT16, 0):
            numbers += [value] if isinstance(value, int) else _varints(value)
        elif field == _TENSOR_EXTERNAL:
            entry = dict(_fields(_bytes(value)))
            entries[_text(entry.get(_ENTRY_KEY, memoryview(b"")))] = _text(
                entry.get(_ENTRY_VALUE, memoryview(b""))
            )
        elif field == _TENSOR_LOCATION:
            elsewhere = value != 0
    dtype = _DTYPES.get(data_type)
    if dtype is None:
        return name, None
    if elsewhere:
        raw = outside.bytes_of(name, entries)
    elif raw is None:
        halves = np.array([number & 0xFFFF for number in numbers], "<u2")
        raw = memoryview(halves.tobytes())
    if len(dims) > _MOST_DIMS:
        raise OnnxFormatError(f"the tensor {name!r} has {len(dims)} dimensions")
    if math.prod(dims) * dtype.itemsize != len(raw) or max(dims, default=0) >= 1 << 31:
        raise OnnxFormatError(f"the tensor {name!r} is not as long as its shape says")
    array = np.frombuffer(raw, dtype).reshape(dims)
    if data_type == _BFLOAT16:  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return name, array


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
