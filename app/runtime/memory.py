"""Giving back what was freed.

Pictures of some megabytes are taken in one thread and let go in another. glibc keeps such pieces in
its arenas, and over half an hour live a process creeps up by a tenth although nothing leaks.
Asking the kernel for every picture anew stops that, too, but costs a third more processor time.
"""

from __future__ import annotations

import ctypes
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
