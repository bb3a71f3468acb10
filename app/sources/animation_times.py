"""How long each frame of an animation is shown, read from the file without decoding a frame."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

# Browsers show a frame that claims to last no longer than this, in seconds, for a tenth of one.
_SHORTEST, _INSTEAD = 0.010, 0.100
_GIF_EXTENSION, _GIF_IMAGE, _GIF_CONTROL = 0x21, 0x2C, 0xF9


def read_times(path: Path, kind: str, *, at_most: int | None = None) -> list[float]:
    """Seconds of each frame, of the first `at_most`.

    kind: GIF, PNG or WEBP. Empty for a picture without animation; a file that breaks off gives
    those that are whole. Raises OSError.
    """
    walk = {"GIF": _gif, "PNG": _png, "WEBP": _webp}[kind]
    with open(path, "rb") as file:
        return [shown_for(seconds) for seconds in islice(walk(file), at_most)]


_LARGEST_CHUNK = 64  # bytes


def shown_for(seconds: float) -> float:
    """As long as browsers show it."""
    return seconds if seconds > _SHORTEST else _INSTEAD


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The type and the content of each chunk; of the large ones (the pixels) no content."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind in (b"acTL", b"fcTL", b"cICP"):
            # None of them holds more; a size that is damaged must not fill the memory.
            content = file.read(min(size, _LARGEST_CHUNK))
            if len(content) < size:
                return
            file.seek(4, 1)
        else:
            content = b""
            file.seek(size + 4, 1)
        yield kind, content


def _png(file: BinaryIO) -> Iterator[float]:
    animated = False
    for kind, content in png_chunks(file):
        if kind == b"acTL":
            animated = True
        elif kind == b"fcTL" and animated and len(content) >= 24:
            number = int.from_bytes(content[20:22], "big")
            unit = int.from_bytes(content[22:24], "big") or 100
            yield number / unit


def _webp(file: BinaryIO) -> Iterator[float]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        start = file.tell()
        if head[:4] == b"ANMF":
            content = file.read(16)
            if len(content) < 16:
                return
            yield int.from_bytes(content[12:15], "little") / 1000
        file.seek(start + size + size % 2)


def _gif(file: BinaryIO) -> Iterator[float]:
    header = file.read(13)
    if len(header) < 13:
        return
    file.seek(_table(header[10]), 1)
    seconds = 0.0
    while block := file.read(1):
        if block[0] == _GIF_EXTENSION:
            label = file.read(1)
            first = _sub_block(file)
            if label and label[0] == _GIF_CONTROL and len(first) >= 4:
                seconds = int.from_bytes(first[1:3], "little") / 100
            if first:
                _skip_sub_blocks(file)
        elif block[0] == _GIF_IMAGE:
            described = file.read(9)
            if len(described) < 9:
                return
            yield seconds
            seconds = 0.0
            file.seek(_table(described[8]) + 1, 1)  # and the size of the codes
            _skip_sub_blocks(file)
        else:
            return


def _table(flags: int) -> int:
    """The bytes of a table of colors."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_block(file: BinaryIO) -> bytes:
    size = file.read(1)
    return file.read(size[0]) if size else b""


def _skip_sub_blocks(file: BinaryIO) -> None:
    while (size := file.read(1)) and size[0]:
        file.seek(size[0], 1)
