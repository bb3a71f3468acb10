"""Colors of pictures, pixel by pixel: profiles in every mode, code points, gamma."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from app.sources.bmff import Cicp
from app.sources.picture_colors import by_cicp
from app.sources.pictures import read_picture, read_whole
from tests.sources.picture_files import (
    ADOBE_RGB,
    BT709,
    DISPLAY_P3,
    far,
    grey_profile,
    rgb_profile,
    solid,
    with_png_chunk,
)

# Display P3's (200, 100, 50) in sRGB, reckoned by hand: linear light (0.578, 0.127, 0.032) times
# (1.2249 -0.2247 0; -0.0420 1.0419 0; -0.0197 -0.0786 1.0979).
P3_ORANGE, SRGB_ORANGE = (200, 100, 50), (215, 93, 31)


def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *(("RGB", suffix) for suffix in ("png", "tif", "webp", "jpg", "avif")),
        *((mode, suffix) for mode in ("RGBA", "P") for suffix in ("png", "tif")),
    ],
)
def test_a_profile_counts_in_every_mode(tmp_path, mode, suffix):
    path = tmp_path / f"a.{suffix}"
    image = solid(P3_ORANGE, (16, 16))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    image.save(path, icc_profile=rgb_profile(DISPLAY_P3, None), quality=95)
    assert far(read_picture(path), np.full((16, 16, 3), SRGB_ORANGE)) < 2.5


def test_a_heic_in_display_p3_is_converted(tmp_path):
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(solid(P3_ORANGE, (64, 64))).save(
        path, quality=95, chroma=444, icc_profile=rgb_profile(DISPLAY_P3, None)
    )
    assert far(read_picture(path), np.full((64, 64, 3), SRGB_ORANGE)) < 3


def test_alpha_stays_as_it_is_beside_converted_colors(tmp_path):
    path = tmp_path / "a.png"
    solid((*P3_ORANGE, 128)).save(path, icc_profile=rgb_profile(DISPLAY_P3, None))
    rgba = read_whole(path).rgba
    assert rgba is not None
    assert np.abs(rgba[0, 0].astype(int) - (*SRGB_ORANGE, 128)).max() <= 1


def test_adobe_rgb_is_converted(tmp_path):
    path = tmp_path / "a.png"
    solid((200, 120, 80)).save(path, icc_profile=rgb_profile(ADOBE_RGB, 2.19921875))
    red, green, blue = read_picture(path)[0, 0]
    assert (red, green, blue) == pytest.approx((224, 121, 77), abs=1)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_counts(tmp_path, mode):
    path = tmp_path / "a.png"
    Image.new("L", (4, 4), 128).convert(mode).save(path, icc_profile=grey_profile(1.0))
    # Half of the light is 188 in sRGB.
    assert np.abs(read_picture(path).astype(int) - 188).max() <= 1


@pytest.mark.parametrize("suffix", ["avif", "webp"])
def test_a_grey_profile_counts_where_grey_is_decoded_to_rgb(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.new("L", (16, 16), 128).save(path, icc_profile=grey_profile(1.0), quality=100)
    assert np.abs(read_picture(path).astype(int) - 188).max() <= 2


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", grey_profile(1.0)),
        ("P", grey_profile(1.0)),
        ("RGB", b"nonsense"),
        ("RGB", rgb_profile(DISPLAY_P3, None)[:200]),
        ("RGB", rgb_profile(DISPLAY_P3, None).replace(b"RGB ", b"CMYK")),
        ("L", b"nonsense"),
    ],
)
def test_a_profile_that_is_broken_or_of_other_pixels_counts_as_none(tmp_path, mode, profile):
    path = tmp_path / "a.png"
    image = solid((200, 100, 50)).convert(mode)
    image.save(path, icc_profile=profile)
    assert np.array_equal(read_picture(path), np.asarray(image.convert("RGB")))


def test_a_grey_picture_with_a_profile_of_colors_is_read(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (4, 4), 128).save(path, icc_profile=rgb_profile(BT709, 1.0))
    assert np.abs(read_picture(path).astype(int) - 188).max() <= 1


@pytest.mark.parametrize("profile", [_srgb_profile(), rgb_profile(BT709, None)])
def test_srgb_is_not_touched(tmp_path, profile):
    path = tmp_path / "a.png"
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(picture).save(path, icc_profile=profile)
    assert np.array_equal(read_picture(path), picture)


def test_gamma_of_a_png_counts(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (128, 128, 128)).save(path)
    with_png_chunk(path, b"gAMA", struct.pack(">I", 100_000))
    assert np.abs(read_picture(path).astype(int) - 188).max() <= 1


@pytest.mark.parametrize("gamma", [45455, 0, 0xFFFFFFFF])
def test_gamma_that_is_srgbs_or_nonsense_changes_nothing(tmp_path, gamma):
    path = tmp_path / "a.png"
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(picture).save(path)
    with_png_chunk(path, b"gAMA", struct.pack(">I", gamma))
    assert np.array_equal(read_picture(path), picture)


def test_srgb_of_a_png_comes_before_gamma(tmp_path):
    path = tmp_path / "a.png"
    solid((128, 128, 128)).save(path)
    with_png_chunk(path, b"gAMA", struct.pack(">I", 100_000))
    with_png_chunk(path, b"sRGB", b"\0")
    assert (read_picture(path) == 128).all()


def test_code_points_of_a_png_come_before_its_profile(tmp_path):
    path = tmp_path / "a.png"
    solid(P3_ORANGE).save(path, icc_profile=rgb_profile(ADOBE_RGB, 1.0))
    with_png_chunk(path, b"cICP", bytes([12, 13, 0, 1]))
    assert far(read_picture(path), np.full((6, 8, 3), SRGB_ORANGE)) < 2


def _pq(nits: float) -> float:
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (nits / 10_000) ** m1
    return float(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_hdr_keeps_what_sdr_can_show_and_compresses_the_rest(dtype):
    most = np.iinfo(dtype).max
    nits = (0.0, 203 * 0.2159, 203 * 0.6, 203.0, 1000.0, 4000.0)
    coded = np.array([[[_pq(value) * most] * 3 for value in nits]]).round().astype(dtype)
    levels = by_cicp(coded, Cicp(9, 16))[0, :, 0].astype(int)
    assert levels[0] == 0
    assert levels[1] == pytest.approx(128, abs=2)  # 0.2159 of white is 128 in sRGB
    assert levels[2] == pytest.approx(203, abs=2)
    assert (np.diff(levels) > 0).all()
    assert levels[-1] == 255


def test_hlg_white_of_graphics_is_near_white_and_grey_stays_grey():
    coded = np.full((2, 2, 3), round(0.75 * 65535), np.uint16)
    rgb = by_cicp(coded, Cicp(9, 18))
    assert (rgb >= 250).all()
    assert np.ptp(rgb.astype(int)) <= 1


def test_a_heic_in_pq_is_tone_mapped_from_all_its_bits(tmp_path):
    path = tmp_path / "hdr.hif"
    level = round(_pq(203 * 0.2159) * 65535)
    deep = np.full((64, 64, 3), level, np.uint16)
    image = pillow_heif.from_bytes("RGB;16", (64, 64), deep.tobytes())
    image.save(
        path,
        quality=-1,
        chroma=444,
        color_primaries=9,
        transfer_characteristics=16,
        matrix_coefficients=9,
        full_range_flag=1,
    )
    assert np.abs(read_picture(path).astype(int) - 128).max() <= 3


def test_an_hdr_png_is_tone_mapped(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (round(_pq(203 * 0.2159) * 255),) * 3).save(path)
    with_png_chunk(path, b"cICP", bytes([9, 16, 0, 1]))
    assert np.abs(read_picture(path).astype(int) - 128).max() <= 4


def test_lab_and_cmyk_become_srgb(tmp_path):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(solid((200, 100, 50)), srgb, lab, outputMode="LAB")
    buffer = io.BytesIO()
    image.save(buffer, "TIFF")
    (tmp_path / "a.tif").write_bytes(buffer.getvalue())
    assert far(read_picture(tmp_path / "a.tif"), np.full((6, 8, 3), (200, 100, 50))) < 3
