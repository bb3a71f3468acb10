"""MP4 and MOV files that were joined byte by byte, of which FFmpeg reads the first one only.

ISO/IEC 14496-12: boxes, `moov`, `mvex`, `moof` and `tfdt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.errors import InputError
from app.sources.bmff import boxes
from app.system.text import printable

_MOST_BOXES = 100_000
_LARGEST_HEADER = 1 << 26  # bytes of a `moov` or `moof` that are looked at
_FRAGMENT = b"moof"


def refuse_joined(path: Path) -> None:
    """Raises InputError where pictures would be left out without a word.

    A second header alone is no fault: a recorder may repeat it, and its fragments go on in time.
    A file that cannot be read is left to whoever opens it.
    """
    try:
        with open(path, "rb") as file:
            joined = file.read(12)[4:8] == b"ftyp" and _is_joined(file)
    except OSError:
        return
    if joined:
        raise InputError(
            f"{printable(path.name)} holds several MP4 files, one behind the other, and only the "
            "first could be read. Join them with a program that does more than to copy their bytes."
        )


def _is_joined(file: IO[bytes]) -> bool:
    headers, latest = 0, dict[int, int]()
    for kind, content in _top_level(file):
        if kind == b"moov":
            headers += 1
            is_fragmented = any(inner == b"mvex" for inner, _ in boxes(content))
            if headers > 1 and not is_fragmented:
                return True
        elif kind == _FRAGMENT:
            for track, begins in _decode_times(content):
                if headers > 1 and begins <= latest.get(track, -1):
                    return True
                latest[track] = begins
    return False


def _top_level(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each `moov` and `moof` with its content, by seeking over everything else."""
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        size, start = int.from_bytes(head[:4], "big"), 8
        kind = head[4:8]
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        if size < start:  # 0 reaches to the end of the file
            return
        if kind in (b"moov", _FRAGMENT) and size <= _LARGEST_HEADER:
            file.seek(at + start)
            yield kind, file.read(size - start)
        at += size


def _decode_times(fragment: bytes) -> Iterator[tuple[int, int]]:
    """(track, decode time of its first sample) in a `moof`, in the track's own time base."""
    for kind, content in boxes(fragment):
        if kind != b"traf":
            continue
        track = 0
        for inner, body in boxes(content):
            if inner == b"tfhd":
                track = int.from_bytes(body[4:8], "big")
            elif inner == b"tfdt" and len(body) >= 8:
                yield track, int.from_bytes(body[4:12] if body[0] else body[4:8], "big")
