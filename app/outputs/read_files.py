"""What is read must not be written over: not the input, nor anything else that a command reads.

THE place where that is refused, for every command that writes, before it writes anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from app.errors import UsageError

# The most files of a folder that are looked at; more are no pictures for a person's eyes.
_MOST = 100_000
_LARGEST_PLAYLIST = 1_000_000  # bytes
_PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"[playlist]", b"<?xml", b"<MPD", b"<smil")
_WORDS = re.compile(r"""[^\s"'<>=,;|]+""")


class Reading(NamedTuple):
    """A file or a folder that is read. what: as it is called in a sentence: "the background"."""

    what: str
    path: Path


def refuse_to_overwrite(writes: Iterable[Path], reads: Iterable[Reading]) -> None:
    """Raises UsageError where one of `writes` is, under whatever name, one of `reads`.

    A symbolic or a hard link, another spelling and another case (where the disk sees none) are the
    same file. Of a folder that is read each file counts, of a playlist each part.
    """
    read: dict[tuple[int, int], str] = {}
    for what, path in reads:
        for place, file in enumerate(_files(path)):
            identity = _identity(file)
            if identity is not None:
                read.setdefault(identity, what if not place else f"part of {what}")
    for file in writes:
        what = read.get(_identity(file) or (-1, -1), "")
        if what:
            raise UsageError(f"{file} is {what}, which would be written over; name another output.")


def files_in(folder: Path, endings: Iterable[str]) -> list[Path]:
    """The files of `folder`, not of those in it, that end so; empty where it is not there."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    wanted = tuple(endings)
    return [Path(entry.path) for entry in entries if entry.name.lower().endswith(wanted)]


def files_below(folder: Path) -> Iterator[Path]:
    """The files of `folder` and of all folders in it."""
    count = 0
    for root, _, names in os.walk(folder):
        for name in names:
            yield Path(root, name)
            count += 1
            if count >= _MOST:
                return


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None  # it is not there, so it cannot be written over
    return found.st_dev, found.st_ino


def _files(path: Path) -> Iterator[Path]:
    """The file itself, then what is read along with it."""
    yield path
    yield from files_below(path) if os.path.isdir(path) else _parts(path, set())


def _parts(path: Path, seen: set[Path]) -> Iterator[Path]:
    """The files that a playlist names, and those that these name.

    Whatever looks like a name in it counts: there are many kinds of playlists, and a file that is
    named by one is not to be destroyed by it.
    """
    seen.add(path)
    try:
        if not os.path.isfile(path):
            return
        with open(path, "rb") as file:
            head = file.read(64)
            if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS):
                return
            text = (head + file.read(_LARGEST_PLAYLIST)).decode("utf-8", "replace")
    except (OSError, ValueError):
        return
    # A line may be a name with spaces in it; a word in a line may be one.
    names = [line.strip() for line in text.splitlines()]
    names += re.findall(r"""["']([^"']+)["']""", text) + _WORDS.findall(text)
    for name in dict.fromkeys(names):
        for spelled in dict.fromkeys((name, unquote(name.removeprefix("file://")))):
            part = Path(path.parent, spelled)
            if part not in seen and os.path.isfile(part):
                yield part
                yield from _parts(part, seen)
