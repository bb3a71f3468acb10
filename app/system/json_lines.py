"""Lines of JSON that a child process of ours writes to its standard output."""

from __future__ import annotations

import json
import logging
from typing import Any

log = logging.getLogger(__name__)

# Bytes of one line; our own have some hundred.
LONGEST = 1_000_000


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The object in `line`; None where it holds anything else, such as a sentence for people."""
    if len(line) > LONGEST or not line.lstrip().startswith(b"{"):
        return None
    try:
        told = json.loads(line)
    # The parser does not promise what it raises: ValueError, UnicodeDecodeError, RecursionError.
    except Exception as error:  # noqa: BLE001
        log.warning("a child wrote a line that is no JSON: %s", error)
        return None
    return told if isinstance(told, dict) else None


class Lines:
    """Cuts what comes in pieces into lines. A line without an end is given up, not kept."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The objects in the lines that `piece` completes."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LONGEST:
            self._rest = self._rest[:1]  # no line that begins so is taken
        return [told for line in whole if (told := parse_line(line)) is not None]
