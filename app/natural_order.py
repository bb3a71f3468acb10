"""The order in which people number files: frame2 before frame10."""

from __future__ import annotations

import re
import unicodedata

_NUMBERS = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """A key to sort file names by: runs of digits count as numbers, letters without their case.

    Digits are those of any script. Names that differ in leading zeros or case only (`img-09`,
    `img-9`, `IMG-9`) are next to each other, in the order of their characters.
    """
    # Composed, so that an accent sorts alike whichever way the file system spells it.
    parts = _NUMBERS.split(unicodedata.normalize("NFC", name).casefold())
    # Text and numbers alternate, text first: a number is never compared with text.
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name
