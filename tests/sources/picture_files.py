"""Profiles and files that no library writes on request, byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_D65, _D50 = np.array((0.9505, 1.0, 1.0890)), np.array((0.9642, 1.0, 0.8249))
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def rgb_profile(primaries: tuple[tuple[float, float], ...], gamma: float | None) -> bytes:
    """An ICC profile of three primaries and a gamma; None is sRGB's curve."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    columns = columns * np.linalg.solve(columns, _D65)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ _D65)
    columns = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ columns
    curve = _curve(gamma)
    tags = {b"wtpt": _xyz(_D50)}
    tags.update({name: _xyz(columns[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))})
    tags.update(dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))
    return _profile(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _curve(gamma)})


def with_png_chunk(path: Path, kind: bytes, content: bytes) -> None:
    """Puts a chunk before the pixels."""
    data = path.read_bytes()
    chunk = struct.pack(">I", len(content)) + kind + content
    chunk += struct.pack(">I", zlib.crc32(kind + content))
    path.write_bytes(data[:33] + chunk + data[33:])


def with_property(path: Path, box: bytes) -> None:
    """Gives the main picture of an AVIF another property."""
    data = bytearray(path.read_bytes())
    at, ends = 0, []
    for kind in (b"meta", b"iprp", b"ipco"):
        at = data.index(kind, at)
        ends.append(at - 4)
    end = ends[-1] + int.from_bytes(data[ends[-1] : ends[-1] + 4], "big")
    place = _count_boxes(data[ends[-1] + 8 : end]) + 1
    ipma = data.index(b"ipma", end) - 4
    # FullBox, count, item (16 bits), number of associations, the first association
    number = ipma + 4 + 4 + 4 + 4 + 2
    data[number] += 1
    data[number + 1 : number + 1] = bytes([0x80 | place])
    data[end:end] = box
    for start in (ends[0], ends[1]):
        _grow(data, start, len(box) + 1)
    _grow(data, ends[2], len(box))
    _grow(data, ipma + len(box), 1)
    _move_data(data, len(box) + 1)
    path.write_bytes(bytes(data))


def clap(width: int, height: int, right: int, down: int) -> bytes:
    """A clean aperture; its middle lies `right`, `down` halves of a pixel from the picture's."""
    return struct.pack(">I4sIIIIiIiI", 40, b"clap", width, 1, height, 1, right, 2, down, 2)


def _count_boxes(data: bytes) -> int:
    count = at = 0
    while at < len(data):
        at += int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count


def _grow(data: bytearray, at: int, by: int) -> None:
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + by).to_bytes(4, "big")


def _move_data(data: bytearray, by: int) -> None:
    """Where the items' data lie, by Pillow's table: version 0, offsets of 4 bytes, one extent."""
    at = data.index(b"iloc") + 4
    assert data[at] == 0
    assert data[at + 4] >> 4 == 4
    base = data[at + 5] >> 4
    count = int.from_bytes(data[at + 6 : at + 8], "big")
    at += 8
    for _ in range(count):
        at += 4 + base + 2
        _grow(data, at, by)
        at += 8


def _curve(gamma: float | None) -> bytes:
    if gamma is None:
        coded = np.arange(1024) / 1023
        linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
        values = np.round(linear * 65535).astype(">u2")
        return b"curv" + bytes(4) + struct.pack(">I", len(values)) + values.tobytes()
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    rest = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4sI4s4s4s", 128 + len(rest), b"", 0x02400000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(v * 65536) for v in _D50))
    return header.ljust(128, b"\0") + rest


def save_grid(path: Path, picture: np.ndarray, *, tile: int) -> None:
    """A HEIC of tiles, as phones write it."""
    import pillow_heif

    rows, columns = picture.shape[:2]
    heif = pillow_heif.from_bytes("RGB", (columns, rows), picture.tobytes())
    heif.save(path, quality=95, chroma=444, tile_size=tile)


def save_avif_grid(path: Path, picture: np.ndarray, *, tile: int) -> None:
    """An AVIF of tiles, which Pillow does not write: its pictures, and a grid item over them."""
    rows, columns = picture.shape[0] // tile, picture.shape[1] // tile
    tiles, config = [], b""
    for row in range(rows):
        for column in range(columns):
            part = picture[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
            coded = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(part)).save(coded, "AVIF", quality=90)
            data = coded.getvalue()
            at = data.index(b"av1C") - 4
            config = data[at : at + int.from_bytes(data[at : at + 4], "big")]
            at = data.index(b"mdat") - 4
            tiles.append(data[at + 8 : at + int.from_bytes(data[at : at + 4], "big")])
    items = range(2, len(tiles) + 2)
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *picture.shape[1::-1])
    infos = [_full(b"infe", 2, struct.pack(">HH4s", 1, 0, b"grid") + b"\0")]
    infos += [_full(b"infe", 2, struct.pack(">HH4s", item, 0, b"av01") + b"\0") for item in items]
    properties = [
        _full(b"ispe", 0, struct.pack(">II", *picture.shape[1::-1])),
        _full(b"ispe", 0, struct.pack(">II", tile, tile)),
        config,
        _full(b"pixi", 0, bytes([3, 8, 8, 8])),
        _box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80)),
    ]
    links = struct.pack(">I", 1 + len(tiles)) + struct.pack(">HB3B", 1, 3, 1, 4, 5)
    for item in items:
        links += struct.pack(">HB4B", item, 4, 2, 0x83, 4, 5)

    def whole(start: int) -> bytes:
        places = bytes([0x44, 0]) + struct.pack(">H", 1 + len(tiles))
        places += struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(grid))
        at = start
        for item, data in zip(items, tiles, strict=True):
            places += struct.pack(">HHHHII", item, 0, 0, 1, at, len(data))
            at += len(data)
        meta = (
            _full(b"hdlr", 0, bytes(4) + b"pict" + bytes(13))
            + _full(b"pitm", 0, struct.pack(">H", 1))
            + _full(b"iloc", 1, places)
            + _full(b"iinf", 0, struct.pack(">H", len(infos)) + b"".join(infos))
            + _full(
                b"iref",
                0,
                _box(b"dimg", struct.pack(f">HH{len(tiles)}H", 1, len(tiles), *items)),
            )
            + _box(b"iprp", _box(b"ipco", b"".join(properties)) + _full(b"ipma", 0, links))
            + _box(b"idat", grid)
        )
        return _box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miafMA1A") + _full(b"meta", 0, meta)

    head = whole(0)
    path.write_bytes(whole(len(head) + 8) + _box(b"mdat", b"".join(tiles)))


def save_bitmap(path: Path, pixels: list[tuple[int, int, int, int]]) -> None:
    """A BMP of one row whose fourth byte is alpha (version 4, with masks)."""
    body = bytes(value for red, green, blue, alpha in pixels for value in (blue, green, red, alpha))
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    width, size = len(pixels), len(body)
    sizes = struct.pack("<IiiHHIIiiII", 108, width, 1, 1, 32, 3, size, 2835, 2835, 0, 0)
    header = (sizes + masks + b"BGRs").ljust(108, b"\0")
    path.write_bytes(struct.pack("<2sIII", b"BM", 122 + len(body), 0, 122) + header + body)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full(kind: bytes, version: int, content: bytes) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]) + content)


def gradient(width: int, height: int) -> np.ndarray:
    """uint8 (height, width, 3): red grows to the right, green down; a blue top left corner."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, width)
    picture[..., 1] = np.linspace(0, 255, height)[:, None]
    picture[: height // 4, : width // 4] = 0, 0, 255
    return picture


def far(picture: np.ndarray, other: np.ndarray) -> float:
    """The mean distance of two pictures; they must have one size."""
    assert picture.shape == other.shape
    return float(np.abs(picture.astype(int) - other).mean())


def solid(color: tuple[int, ...], size: tuple[int, int] = (8, 6)) -> Image.Image:
    return Image.new("RGBA" if len(color) == 4 else "RGB", size, color)
