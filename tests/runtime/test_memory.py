"""Freed memory goes back to the system where that can be asked for."""

import sys

import pytest

from app.runtime import memory


def test_it_can_be_called_anywhere() -> None:
    memory.find_trim()()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_what_was_freed_is_given_back() -> None:
    import psutil

    process = psutil.Process()
    # Below the size from which each piece is the kernel's own, so that glibc keeps them.
    pieces = [bytearray(100_000) for _ in range(2000)]
    kept = pieces[::100]
    held = process.memory_info().rss
    del pieces
    memory.find_trim()()
    assert process.memory_info().rss < held - 100_000_000
    assert len(kept) == 20


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_glibc_is_not_it_does_nothing(platform: str, monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert memory.find_trim()() is None
