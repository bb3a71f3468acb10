"""Giving back what was freed.

What is taken in one thread and let go in another stays in glibc's arenas after it is free. Asking
the kernel for every piece anew would stop that, too, but costs a third more processor time.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable


def find_trim() -> Callable[[], None]:
    """A function that gives freed memory back to the system; does nothing where glibc is not."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # musl has none
        return lambda: None
    return lambda: trim(0)


def give_back() -> None:
    """After something big has ended: its threads and callbacks know one another, so that their
    pictures would lie there until Python looks for such circles by itself."""
    gc.collect()
    find_trim()()
