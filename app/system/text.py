"""Text from a file in a sentence of ours: short, and nothing that a terminal obeys."""

from __future__ import annotations

from app.plain_text import readable

_SHOWN = 200


def printable(text: str, *, longest: int = _SHOWN) -> str:
    """`readable` text, cut with an ellipsis where it is longer than `longest` characters."""
    return readable(text if len(text) <= longest else f"{text[: longest - 1]}…")
