"""How this program's process ends."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import NoReturn

log = logging.getLogger(__name__)


def run_and_leave(program: Callable[[], int]) -> NoReturn:
    """Runs `program` and ends the process with its exit code, 1 where it raises."""
    try:
        code = program()
    except Exception:  # noqa: BLE001  # whatever it is, it is shown
        sys.excepthook(*sys.exc_info())
        code = 1
    leave(code)


def leave(code: int) -> NoReturn:
    """Ends the process with this exit code.

    A thread that a driver or a library holds cannot be ended. Python would take the interpreter
    apart around it, and the program would abort (exit code 134) where it comes back. So the process
    then ends at once, after what was written went out.
    """
    held = [thread.name for thread in threading.enumerate() if _is_beside(thread)]
    if not held:
        sys.exit(code)
    log.info("left without waiting for %s", ", ".join(held))
    for child in multiprocessing.active_children():
        child.kill()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def end_with_parent() -> int:
    """In a process of multiprocessing: it ends at once when its parent is gone.

    Returns:
        The parent's process id, 0 where it is gone already.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is no child of multiprocessing"
    threading.Thread(target=_wait_and_end, args=(parent.sentinel,), daemon=True).start()
    return parent.pid or 0


def _wait_and_end(parent: int) -> None:
    wait([parent])
    os._exit(1)


def _is_beside(thread: threading.Thread) -> bool:
    """Whether Python would not wait for it."""
    return thread.daemon and thread is not threading.current_thread() and thread.is_alive()
