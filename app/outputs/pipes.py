"""What is written into without ever being sought in: standard output, named pipes, devices."""

from __future__ import annotations

import os
import stat
from pathlib import Path

STANDARD_OUTPUT = Path("-")


def is_stream(path: Path) -> bool:
    """Whether `path` is standard output, or something there that cannot be sought in."""
    if path == STANDARD_OUTPUT:
        return True
    try:
        # A device by its own name only: a link with the name of a file is meant to be one.
        return stat.S_ISFIFO(os.stat(path).st_mode) or stat.S_ISCHR(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False
