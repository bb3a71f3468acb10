"""Which kind of picture a file is, by its first bytes; the name counts only where they are silent.

A program that trusts the name fails at every PNG that is called .jpg.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from app.errors import InputError
from app.sources.animation_times import read_times
from app.sources.bmff import still_format

# What counts in a folder, and what a file that is not there would be.
SUFFIXES = frozenset(
    (
        ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".heic",
        ".heif", ".hif", ".avif", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
        ".jp2", ".ico",
    )
)  # fmt: skip
READABLE = "JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF and BMP"
# Animations, by their suffix, where the file is not there.
ANIMATION_SUFFIXES = frozenset((".gif", ".apng"))

_HEAD = 4096
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
_PNM = re.compile(rb"P[1-6][\s#]")
# Kinds that nothing here decodes, or only as a thumbnail: what they are, and what to do.
_RAW = "a camera's raw file"
_FOREIGN = (
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIRO", _RAW),
    (b"IIU\0", _RAW),
)
_RAW_SUFFIXES = frozenset((".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".pef"))
# Pictures one after the other, without more: FFmpeg plays them.
_JPEG_STREAMS = frozenset((".mjpg", ".mjpeg"))
_ANIMATED = frozenset(("GIF", "PNG", "WEBP", "AVIF"))


def looks_like_picture(path: Path) -> bool:
    """Whether it is one picture, readable or not; by the name where the file cannot be read.

    An animation is none: it is played as a clip is.
    """
    head = _head(path)
    if head is None:
        suffix = path.suffix.lower()
        return suffix in SUFFIXES and suffix not in ANIMATION_SUFFIXES
    if foreign_kind(path, head) is not None:
        return True
    return format_of(path, head) is not None and not is_animation(path)


def is_animation(path: Path) -> bool:
    """Whether it is a GIF, PNG, WebP or AVIF of more than one frame."""
    head = _head(path)
    kind = None if head is None else format_of(path, head)
    if head is None or kind not in _ANIMATED:
        return False
    if kind == "AVIF":
        return head[8:12] == b"avis"
    if kind == "PNG" and b"acTL" not in head and b"IDAT" in head:
        return False
    return len(read_times(path, kind, at_most=2)) > 1


def picture_format(path: Path) -> str:
    """Pillow's name of the format. Raises InputError where no decoder is for it."""
    head = _head(path) or b""
    kind = foreign_kind(path, head)
    if kind is not None:
        raise InputError(f"{path} is {kind}, which cannot be read; save it as PNG or JPEG first.")
    found = format_of(path, head)
    if found is None:
        raise InputError(f"{path} is not a picture that can be read; {READABLE} can.")
    return found


def format_of(path: Path, head: bytes) -> str | None:
    """By the first bytes of a file."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if _PNM.match(head):
        return "PPM"
    if head.startswith(b"\xff\xd8\xff") and path.suffix.lower() in _JPEG_STREAMS:
        return None
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    return found or still_format(head)


def foreign_kind(path: Path, head: bytes) -> str | None:
    """What the file is ("an SVG drawing"), where that is known and cannot be read."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"<svg", b"<?xml", b"<!DOCTYPE svg", b"<!--")) and b"<svg" in head:
        return "an SVG drawing"
    if path.suffix.lower() == ".svgz" and head.startswith(b"\x1f\x8b"):
        return "an SVG drawing"
    if head[4:12] == b"ftypcrx " or (head[:4] in (b"II*\0", b"MM\0*") and head[8:10] == b"CR"):
        return _RAW
    if path.suffix.lower() in _RAW_SUFFIXES and head[:4] in (b"II*\0", b"MM\0*"):
        return _RAW
    return next((kind for magic, kind in _FOREIGN if head.startswith(magic)), None)


def _head(path: Path) -> bytes | None:
    """The first bytes; None where it is no file, or not one that can be read twice."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except (OSError, ValueError):
        return None
