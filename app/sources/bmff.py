"""What a HEIF or AVIF file says of its main picture, where the decoding library keeps it to itself.

ISO/IEC 14496-12 (boxes) and 23008-12 (items and their properties).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

# Brands of single pictures: coded with HEVC, and with AV1.
HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
AVIF_BRANDS = frozenset((b"avif", b"avis"))
# Of any coding: the compatible brands tell which.
_NEUTRAL_BRANDS = frozenset((b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"1pic"))
_MOST_BOXES = 100_000


@dataclass(frozen=True)
class Cicp:
    """Code points of ITU-T H.273 for how colors are coded; 2 is unspecified."""

    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True)
class ItemProperties:
    """Of the main picture. crop: left, top, width, height in pixels before any turning."""

    cicp: Cicp | None = None
    has_profile: bool = False
    crop: tuple[int, int, int, int] | None = None


def still_format(head: bytes) -> str | None:
    """HEIF or AVIF by the first bytes of a file, None where it is neither."""
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    if major not in HEIC_BRANDS | AVIF_BRANDS | _NEUTRAL_BRANDS:
        return None
    brands = {major} | {head[at : at + 4] for at in range(16, size - 3, 4)}
    if brands & AVIF_BRANDS and major not in HEIC_BRANDS:
        return "AVIF"
    return "HEIF"


def read_properties(data: bytes) -> ItemProperties:
    """The properties of the primary item. What is missing or makes no sense is left out."""
    try:
        return _read_properties(data)
    except (struct.error, IndexError, ZeroDivisionError, ValueError):
        return ItemProperties()


def _read_properties(data: bytes) -> ItemProperties:
    meta = next((body for kind, body in boxes(data) if kind == b"meta"), None)
    if meta is None:
        return ItemProperties()
    primary: int | None = None
    properties: list[tuple[bytes, bytes]] = []
    associated: dict[int, list[int]] = {}
    for kind, body in boxes(meta[4:]):
        if kind == b"pitm":
            primary = int.from_bytes(body[4:6] if body[0] == 0 else body[4:8], "big")
        elif kind == b"iprp":
            for inner, content in boxes(body):
                if inner == b"ipco":
                    properties = list(boxes(content))
                elif inner == b"ipma":
                    associated.update(_associations(content))
    places = associated.get(primary, []) if primary is not None else []
    own = [properties[place - 1] for place in places if 0 < place <= len(properties)]
    size = next((struct.unpack(">4xII", body[:12]) for kind, body in own if kind == b"ispe"), None)
    found = ItemProperties()
    for kind, body in own:
        if kind == b"colr" and body[:4] == b"nclx":
            primaries, transfer = struct.unpack(">HH", body[4:8])
            found = ItemProperties(Cicp(primaries, transfer), found.has_profile, found.crop)
        elif kind == b"colr" and body[:4] in (b"prof", b"rICC"):
            found = ItemProperties(found.cicp, True, found.crop)
        elif kind == b"clap" and size is not None:
            found = ItemProperties(found.cicp, found.has_profile, _crop(body, size))
    return found


def _crop(body: bytes, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The clean aperture in whole pixels; None where it is the whole picture, or outside of it."""
    numbers = struct.unpack(">IIIIiIiI", body[:32])
    width, height = Fraction(*numbers[0:2]), Fraction(*numbers[2:4])
    right, down = Fraction(*numbers[4:6]), Fraction(*numbers[6:8])
    left = right + Fraction(size[0] - 1, 2) - (width - 1) / 2
    top = down + Fraction(size[1] - 1, 2) - (height - 1) / 2
    crop = round(left), round(top), round(width), round(height)
    inside = (
        crop[0] >= 0
        and crop[1] >= 0
        and min(crop[2:]) >= 1
        and crop[0] + crop[2] <= size[0]
        and crop[1] + crop[3] <= size[1]
    )
    return crop if inside and crop[2:] != size else None


def _associations(body: bytes) -> Iterator[tuple[int, list[int]]]:
    """Of each item, the places of its properties, counted from 1."""
    version, flags = body[0], int.from_bytes(body[1:4], "big")
    (count,) = struct.unpack(">I", body[4:8])
    at = 8
    for _ in range(min(count, _MOST_BOXES)):
        wide = 2 if version < 1 else 4
        item = int.from_bytes(body[at : at + wide], "big")
        number = body[at + wide]
        at += wide + 1
        step = 2 if flags & 1 else 1
        mask = 0x7FFF if flags & 1 else 0x7F
        yield (
            item,
            [
                int.from_bytes(body[place : place + step], "big") & mask
                for place in range(at, at + number * step, step)
            ],
        )
        at += number * step


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The type and the content of each box that is whole."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        size, start = int.from_bytes(data[at : at + 4], "big"), at + 8
        kind = data[at + 4 : at + 8]
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), at + 16
        elif size == 0:
            size = len(data) - at
        if size < start - at:
            return
        # The data of the pictures may be large, and is not copied.
        yield kind, b"" if kind == b"mdat" else data[start : at + size]
        at += size
