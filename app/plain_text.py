"""Text from elsewhere (file names, weights' metadata, devices' names) as it may be shown."""

from __future__ import annotations

import logging
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# They turn the order of what follows around: "photo\u202egpj.exe" reads "photoexe.jpg".
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters (a terminal obeys them), surrogates (undecodable bytes of a file name; they
# cannot be printed), and what starts a new line or paragraph.
_UNREADABLE = frozenset(("Cc", "Cs", "Zl", "Zp"))


def readable(text: str, *, keep: str = "") -> str:
    """`text` with every character replaced that would act rather than be seen.

    Args:
        text: anything.
        keep: characters that stay, such as the line breaks of a page of our own.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        REPLACEMENT if character not in keep and _acts(character) else character
        for character in text
    )


def _acts(character: str) -> bool:
    return character in _BIDI or unicodedata.category(character) in _UNREADABLE


class PlainFormatter(logging.Formatter):
    """One record, one line: names in a message cannot begin another one or color the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return readable(super().formatMessage(record), keep="\t")
