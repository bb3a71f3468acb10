"""Pictures in frames of another shape, and from files of every sort."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from app.backgrounds import create_background
from app.backgrounds.fit import Fill, Fit, fit_picture, resize
from app.errors import InputError
from app.frames import Cutout, Frame

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def stripes(width: int = 90, height: int = 30) -> np.ndarray:
    """Red, green and blue thirds, side by side."""
    picture = np.zeros((height, width, 3), np.uint8)
    for third, color in enumerate((RED, GREEN, BLUE)):
        picture[:, third * width // 3 : (third + 1) * width // 3] = color
    return picture


def cutout(width: int, height: int) -> Cutout:
    rgb = np.zeros((height, width, 3), np.uint8)
    return Cutout(Frame(rgb, 0, 0.0), np.zeros((height, width), np.uint8), rgb)


_sides = st.integers(1, 70)


@given(
    st.tuples(_sides, _sides),
    st.tuples(_sides, _sides),
    st.sampled_from(["cover", "contain", "stretch"]),
    st.sampled_from(["blur", "black"]),
)
def test_any_picture_fits_any_frame(
    picture_size: tuple[int, int], size: tuple[int, int], fit: Fit, fill: Fill
) -> None:
    picture = np.full((picture_size[1], picture_size[0], 3), (9, 99, 199), np.uint8)
    fitted = fit_picture(picture, size, fit=fit, fill=fill)
    assert fitted.shape == (size[1], size[0], 3)
    assert fitted.dtype == np.uint8
    assert fitted.flags.c_contiguous
    if fit != "contain":
        assert (fitted == (9, 99, 199)).all()


def test_cover_crops_the_middle() -> None:
    fitted = fit_picture(stripes(), (40, 40), fit="cover", fill="black")
    assert (fitted == GREEN).all()


def test_stretch_shows_everything_distorted() -> None:
    fitted = fit_picture(stripes(), (30, 30), fit="stretch", fill="black")
    assert np.array_equal(fitted, stripes(30, 30))


def test_contain_shows_everything_in_the_middle_of_black() -> None:
    fitted = fit_picture(stripes(), (90, 50), fit="contain", fill="black")
    assert np.array_equal(fitted[10:40], stripes())
    assert not fitted[:10].any()
    assert not fitted[40:].any()


def test_contain_fills_with_a_darker_blurred_copy() -> None:
    fitted = fit_picture(stripes(), (90, 50), fit="contain", fill="blur")
    assert np.array_equal(fitted[10:40], stripes())
    surround = np.concatenate((fitted[:10], fitted[40:])).reshape(-1, 3)
    assert surround.any(axis=1).all()
    assert surround.max() < 200


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    picture = stripes()
    for fit in ("cover", "contain", "stretch"):
        assert np.array_equal(fit_picture(picture, (90, 30), fit=fit, fill="blur"), picture)


def test_shrinking_averages_instead_of_picking() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    picture = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    small = resize(picture, (8, 8))
    assert np.abs(small.astype(int) - 127).max() <= 1
    # One axis shrinks while the other grows.
    mixed = resize(picture, (8, 100))
    assert np.abs(mixed.astype(int) - 127).max() <= 1


def test_the_picture_is_fitted_once_for_each_size(tmp_path: Path) -> None:
    Pillow.fromarray(stripes()).save(tmp_path / "stripes.png")
    with create_background(f"image:{tmp_path / 'stripes.png'}") as background:
        first = background.render(cutout(40, 40))
        assert first is not None
        assert (first == GREEN).all()
        assert background.render(cutout(40, 40)) is first
        other = background.render(cutout(90, 30))
        assert other is not None
        assert np.array_equal(other, stripes())


def test_a_photograph_that_was_held_sideways_stands_upright(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    path = tmp_path / "sideways.png"
    Pillow.fromarray(stripes()).save(path, exif=exif)
    with create_background(str(path)) as background:
        upright = background.render(cutout(30, 90))
    assert upright is not None
    assert np.array_equal(upright, np.rot90(stripes(), -1))


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "CMYK", "I;16"])
def test_every_sort_of_pixel_can_be_a_background(mode: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{'tiff' if mode == 'CMYK' else 'png'}"
    if mode == "I;16":
        Pillow.fromarray(np.full((4, 4), 65535, np.uint16)).save(path)
    else:
        Pillow.new("RGB", (4, 4), "white").convert(mode).save(path)
    with create_background(str(path)) as background:
        picture = background.render(cutout(4, 4))
    assert picture is not None
    assert picture.shape == (4, 4, 3)
    assert picture.min() > 250


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_a_file_that_is_no_picture_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    background = create_background(f"image:{path}")
    with pytest.raises(InputError, match=r"broken\.png"):
        background.open()


def test_a_truncated_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"cut\.png is damaged"):
        create_background(str(path)).open()


def test_a_picture_that_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    header = struct.pack(">2I5B", 36000, 36000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
            for kind, content in chunks
        )
    )
    with pytest.raises(InputError, match=r"bomb\.png is 36000x36000; .*Scale it down"):
        create_background(str(path)).open()


def test_a_picture_larger_than_any_frame_is_kept_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.backgrounds.image._KEPT_PIXELS", 300)
    Pillow.fromarray(stripes()).save(tmp_path / "stripes.png")
    with create_background(str(tmp_path / "stripes.png")) as background:
        picture = background.render(cutout(30, 10))
    assert picture is not None
    assert np.array_equal(picture, stripes(30, 10))
