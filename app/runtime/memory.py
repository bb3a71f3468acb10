"""Giving back what was freed.

What is taken in one thread and let go in another stays in glibc's arenas after it is free. Asking
the kernel for every piece anew would stop that, too, but costs a third more processor time.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

# mallopt's names for what is set, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# Pieces below this are taken from the arenas; glibc's own limit for it.
_LARGE = 32 << 20
# So much may be free at the end of an arena before it goes back to the system.
_KEPT_WHILE_RUNNING = 64 << 20
_KEPT_WHILE_ENDING = 1 << 20


def keep_freed() -> None:
    """While pictures come and go: what is free at the ends of the arenas is kept for the next.

    Given back each time, it would cost 2,000 page faults a frame (720p), a tenth of the time.
    """
    _set(_MMAP_THRESHOLD, _LARGE)
    _set(_TRIM_THRESHOLD, _KEPT_WHILE_RUNNING)


def let_freed_go() -> None:
    """Before something big ends: what becomes free at the ends of the arenas goes back at once.

    `find_trim` passes these ends over, and there are as many arenas as threads that run at once:
    each start would leave some megabytes more in them.
    """
    _set(_TRIM_THRESHOLD, _KEPT_WHILE_ENDING)


def find_trim() -> Callable[[], None]:
    """A function that gives freed memory back to the system; does nothing where glibc is not."""
    trim = _glibc("malloc_trim")
    return (lambda: None) if trim is None else (lambda: trim(0))


def give_back() -> None:
    """After something big has ended: its threads and callbacks know one another, so that their
    pictures would lie there until Python looks for such circles by itself."""
    gc.collect()
    find_trim()()


def _set(parameter: int, value: int) -> None:
    set_ = _glibc("mallopt")
    if set_ is not None:
        set_(parameter, value)


def _glibc(name: str) -> Callable[..., Any] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), name)  # type: ignore[no-any-return]
    except (OSError, AttributeError):  # musl has none
        return None
