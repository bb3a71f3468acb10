"""What a child writes, line by line."""

from __future__ import annotations

import pytest

from app.system.json_lines import LONGEST, Lines, parse_line


def test_lines_are_told_when_they_are_whole() -> None:
    lines = Lines()
    assert lines.feed(b'{"step": 1}\n{"st') == [{"step": 1}]
    assert lines.feed(b'ep": 2}\nDone.\n') == [{"step": 2}]


@pytest.mark.parametrize(
    "line",
    [b"Done.", b"[1]", b"{", b'{"a":' * 50_000, b'{"a": "\xff"}', b"", b"3", b"{}" * LONGEST],
    ids=["words", "list", "cut", "deep", "undecodable", "empty", "number", "long"],
)
def test_what_is_no_object_is_left_out(line: bytes) -> None:
    assert parse_line(line) is None


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    lines = Lines()
    for _ in range(5):
        assert lines.feed(b"x" * LONGEST) == []
    assert lines.feed(b'\n{"step": 1}\n') == [{"step": 1}]
