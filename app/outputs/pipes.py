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
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
