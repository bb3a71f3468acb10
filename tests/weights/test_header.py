"""A header of .safetensors is believed only where it is right."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.weights import header

WHOLE = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def content(**tensors: object) -> bytes:
    return json.dumps(tensors).encode()


def test_the_metadata_are_given_where_the_tensors_fill_the_file() -> None:
    assert header.parse(content(a=WHOLE, __metadata__={"title": "x"}), 24) == {"title": "x"}


@pytest.mark.parametrize(
    "tensor",
    [
        {**WHOLE, "shape": [2**63]},
        {**WHOLE, "shape": [1] * 65},
        {**WHOLE, "shape": [-2, -3]},
        {**WHOLE, "shape": [True, 6]},
        {**WHOLE, "shape": "6"},
        {**WHOLE, "data_offsets": [0, 1e999]},
        {**WHOLE, "data_offsets": [0, 24, 48]},
        {**WHOLE, "data_offsets": [8, 32]},
        {**WHOLE, "dtype": "F3"},
        {**WHOLE, "dtype": ["F32"]},
        3,
    ],
)
def test_a_tensor_that_cannot_be_is_a_damaged_header(tensor: object) -> None:
    with pytest.raises(header.HeaderError):
        header.parse(content(a=tensor), 24)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b"[]",
        b"\xff\xfe{\0}\0",
        b"",
        b"\xef\xbb\xbf{}x",
    ],
)
def test_what_is_no_table_is_a_damaged_header(text: bytes) -> None:
    with pytest.raises(header.HeaderError):
        header.parse(text, 0)


def test_tensors_that_overlap_are_a_damaged_header() -> None:
    with pytest.raises(header.HeaderError):
        header.parse(content(a=WHOLE, b=WHOLE), 24)


def test_metadata_can_be_shown_in_any_terminal() -> None:
    text = json.dumps({"__metadata__": {"title": "a\x1b[2Jb\ud800c", "long": "x" * 99_999}})
    metadata = header.parse(text.encode(), 0)
    assert metadata["title"] == "a\ufffd[2Jb\ufffdc"
    assert len(metadata["long"]) == 10_000


VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a"]), inner
    ),
)  # fmt: skip


@given(VALUES)
def test_no_json_makes_it_raise_anything_else(value: object) -> None:
    with contextlib.suppress(header.HeaderError):
        header.parse(json.dumps(value).encode(), 24)
