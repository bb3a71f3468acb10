"""Starting this program, or a piece of it, in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MAIN = ROOT / "main.py"
# What a terminal sends to all its processes at once: Ctrl-C, and that it is closed.
_FROM_TERMINAL = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)
)


def command_line(*arguments: str) -> list[str]:
    """The command line of a command of this program: `command_line("convert", "demo", ...)`."""
    return [sys.executable, str(_MAIN), *arguments]


def code_line(code: str, *arguments: str) -> list[str]:
    """The command line of Python code, which can import `app` where `cwd` is ROOT."""
    return [sys.executable, "-c", code, *arguments]


def start_worker(worker: BaseProcess) -> None:
    """Starts a process of multiprocessing that only its parent stops, from any thread.

    Ctrl-C and a closed terminal reach all processes at once. The parent answers them and ends its
    workers; a worker that also answered would print a traceback over the parent's sentence.
    """
    if not hasattr(signal, "pthread_sigmask"):
        worker.start()  # Windows; see `ignore_terminal`
        return
    # Its first start unblocks SIGINT in this thread.
    resource_tracker.ensure_running()
    with _blocked():
        worker.start()


def ignore_terminal() -> None:
    """In the worker itself, first: what `start_worker` cannot do on Windows."""
    for number in _FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)


def how_it_ended(code: int | None) -> str:
    """In words, for a sentence about a child: "was ended by SIGKILL", "ended with exit code 3"."""
    if code is None:
        return "did not answer"
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal_name(-code)}"


def signal_name(number: int) -> str:
    """As in "SIGKILL"."""
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def last_line(text: str) -> str:
    """The last line of what a child wrote that holds something, "" where there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    former = signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
