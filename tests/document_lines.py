"""The command lines that README.md and docs/ promise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"\n\n((?:    [^\n]+\n)+)")
_INLINE = re.compile(r"`((?:python3?|make|torchrun|tensorboard|pip|sudo)\s[^`]+)`")
_COMMENT = re.compile(r"\s+# .*$")
_PROGRAMS = ("python", "python3", "make", "torchrun", "tensorboard", "pip", "sudo", "py")


def documents() -> list[Path]:
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "weights" / "README.md",
        ROOT / "assets" / "README.md",
    ]


def command_lines(text: str) -> Iterator[str]:
    """Every line of its blocks without a language, and what stands in the text as a command."""
    for language, block in _BLOCK.findall(text):
        if not language:
            yield from _lines(block)
    rest = _BLOCK.sub("", text)
    for block in _INDENTED.findall(rest):
        yield from (line for line in _lines(block) if line.split()[0] in _PROGRAMS)
    for inline in _INLINE.findall(rest):
        yield " ".join(inline.split())


def _lines(block: str) -> Iterator[str]:
    for line in block.splitlines():
        bare = _COMMENT.sub("", line.strip())
        if bare:
            yield bare
