"""Our own processes: how they start, and how it is told that they ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection

import pytest

from app.system.program import how_it_ended, last_line, start_worker


def _answer(connection: Connection) -> None:
    """Ctrl-C and a closed terminal have come by the time it answers."""
    connection.recv()
    connection.send("alive")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_what_a_terminal_sends_does_not_reach_a_worker() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_answer, args=(theirs,))
    start_worker(worker)
    theirs.close()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGINT)  # while it still imports
    os.kill(worker.pid, signal.SIGHUP)
    ours.send("go")
    assert ours.recv() == "alive"
    worker.join()
    ours.close()
    assert worker.exitcode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_this_thread_hears_signals_again_after_a_start() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    worker = multiprocessing.get_context("spawn").Process(target=int)
    start_worker(worker)
    worker.join()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "ended with exit code 3"), (None, "did not answer")]
    + ([(-9, "was ended by SIGKILL")] if hasattr(signal, "SIGKILL") else []),
)
def test_how_a_child_ended_is_told(code: int | None, words: str) -> None:
    assert how_it_ended(code) == words


def test_the_last_line_is_the_last_with_something_in_it() -> None:
    assert last_line("one\n two \n\n") == "two"
    assert last_line("\n") == ""
