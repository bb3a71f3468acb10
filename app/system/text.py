"""Text that came from a file or from the system, made fit to be shown."""

from __future__ import annotations

_SHOWN = 200


def printable(text: str, *, longest: int = _SHOWN) -> str:
    """`text` on one line that any terminal and any file can take.

    Control characters (a terminal would obey them) and halves of surrogate pairs (no encoding has
    them) become U+FFFD. What is longer than `longest` characters is cut, with an ellipsis.
    """
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return "".join(one if one.isprintable() else "�" for one in cut)
