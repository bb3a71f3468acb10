"""Memory that a thread has freed goes back where that is wanted, and only there."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import ctypes, sys, threading
import psutil
from app.runtime import memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = (ctypes.c_size_t,)
libc.free.argtypes = (ctypes.c_void_p,)
here = psutil.Process()
memory.keep_freed()

def work():
    # The end of this thread's own arena: nothing else is taken before all is freed.
    before = here.memory_info().rss
    blocks = [libc.malloc(1 << 20) for _ in range(20)]
    for block in blocks:
        ctypes.memset(block, 1, 1 << 20)
    if sys.argv[1] == "go":
        memory.let_freed_go()
    for block in reversed(blocks):
        libc.free(block)
    memory.give_back()
    print((here.memory_info().rss - before) / 2**20)

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc")
@pytest.mark.parametrize(("wanted", "kept"), [("go", False), ("keep", True)])
def test_the_end_of_an_arena_goes_back_when_it_is_let_go(wanted: str, kept: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (float(done.stdout) > 10) is kept
