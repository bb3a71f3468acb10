"""The header of a .safetensors file: checked whole, before anything is read by it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TypeGuard

from app.system.text import printable

# MODNet's is 60 KB. safetensors' own limit is 100 MB, which take seconds to read.
LONGEST = 2_000_000
_LONGEST_TEXT = 10_000
_MOST_DIMS = 8
_DTYPE_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("F16", "BF16", "U16", "I16"), 2),
    **dict.fromkeys(("F32", "U32", "I32"), 4),
    **dict.fromkeys(("F64", "U64", "I64", "C64"), 8),
}


class HeaderError(ValueError):
    """The header is damaged, or the tensors do not fill the file as it says."""


def parse(content: bytes, size: int) -> dict[str, str]:
    """The metadata of a file, fit to be shown.

    Args:
        content: the header, JSON.
        size: bytes of tensors after it.

    Raises:
        HeaderError: nothing else, whatever the content is.
    """
    try:
        header = json.loads(content.decode("utf-8"))
    # ValueError, UnicodeDecodeError, RecursionError: the parser does not promise which.
    except Exception as error:
        raise HeaderError(f"the header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise HeaderError("the header is no table")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise HeaderError("the metadata are no text")
    if not _fill(header, size):
        raise HeaderError("the tensors do not fill the file")
    return {
        printable(key): printable(value, longest=_LONGEST_TEXT) for key, value in metadata.items()
    }


def _fill(tensors: Mapping[str, object], size: int) -> bool:
    """Whether the tensors take `size` bytes without gap or overlap, as safetensors demands."""
    places: list[tuple[int, int]] = []
    for tensor in tensors.values():
        if not isinstance(tensor, dict):
            return False
        shape, place = tensor.get("shape"), tensor.get("data_offsets")
        item = _DTYPE_BYTES.get(str(tensor.get("dtype")))
        if item is None or not _are_sizes(shape) or not _are_sizes(place) or len(place) != 2:
            return False
        if len(shape) > _MOST_DIMS or math.prod(shape) * item != place[1] - place[0]:
            return False
        places.append((place[0], place[1]))
    end = 0
    for first, last in sorted(places):
        if first != end:
            return False
        end = last
    return end == size


def _are_sizes(numbers: object) -> TypeGuard[list[int]]:
    """Whole and not negative; True is none."""
    return isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)
