"""Pictures as phones, cameras, browsers and editors write them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from app.errors import InputError
from app.sources.open import open_source
from app.sources.pictures import looks_like_picture, read_picture, read_whole
from tests.sources.picture_files import (
    clap,
    far,
    gradient,
    save_avif_grid,
    save_bitmap,
    save_grid,
    solid,
    with_property,
)


@pytest.fixture
def shot() -> np.ndarray:
    return gradient(300, 200)


def test_a_heic_of_tiles_is_the_whole_picture(tmp_path, shot):
    path = tmp_path / "IMG_0001.HEIC"
    save_grid(path, shot, tile=128)
    assert looks_like_picture(path)
    assert far(read_picture(path), shot) < 2


def test_an_avif_of_tiles_is_the_whole_picture(tmp_path):
    path = tmp_path / "grid.avif"
    picture = gradient(512, 256)
    save_avif_grid(path, picture, tile=128)
    assert looks_like_picture(path)
    assert far(read_picture(path), picture) < 4


@pytest.mark.parametrize("suffix", ["heic", "avif", "jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_once(tmp_path, shot, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {
        1: shot,
        2: shot[:, ::-1],
        3: shot[::-1, ::-1],
        4: shot[::-1],
        5: shot.transpose(1, 0, 2),
        6: np.rot90(shot),
        7: shot[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(shot, -1),
    }[orientation]
    path = tmp_path / f"a.{suffix}"
    image = Image.fromarray(np.ascontiguousarray(turned))
    if suffix == "heic":
        # It has the turn twice, in EXIF and as a property, as phones write it.
        pillow_heif.from_pillow(image).save(path, quality=90, exif=exif.tobytes())
    else:
        image.save(path, quality=90, exif=exif.tobytes())
    assert far(read_picture(path), shot) < 4


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b""])
@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "png"])
def test_broken_exif_is_ignored(tmp_path, shot, suffix, exif):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(shot).save(path, quality=90)
    data = path.read_bytes()
    if suffix == "jpg":
        data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
        path.write_bytes(data)
    assert far(read_picture(path), shot) < 4


def test_a_wrong_orientation_is_ignored(tmp_path, shot):
    exif = Image.Exif()
    exif[0x0112] = 9
    path = tmp_path / "a.jpg"
    Image.fromarray(shot).save(path, quality=90, exif=exif.tobytes())
    assert far(read_picture(path), shot) < 4


def test_the_clean_aperture_of_a_heic_is_cut_out(tmp_path, shot):
    path = tmp_path / "odd.heic"
    odd = np.ascontiguousarray(shot[:101, :151])
    pillow_heif.from_bytes("RGB", (151, 101), odd.tobytes()).save(path, quality=90)
    assert far(read_picture(path), odd) < 4


def test_the_clean_aperture_of_an_avif_is_cut_out(tmp_path, shot):
    path = tmp_path / "a.avif"
    Image.fromarray(shot).save(path, quality=90)
    with_property(path, clap(200, 100, 20, -40))  # 10 right of the middle, 20 above it
    assert far(read_picture(path), shot[30:130, 60:260]) < 4


def test_the_main_picture_of_several_is_taken(tmp_path, shot):
    path = tmp_path / "burst.heic"
    container = pillow_heif.HeifFile()
    for picture in (shot[::-1], shot, shot[:, ::-1]):
        container.add_from_pillow(Image.fromarray(np.ascontiguousarray(picture)))
    container.save(path, quality=90, primary_index=1)
    assert far(read_picture(path), shot) < 4


def test_a_thumbnail_does_not_stand_in(tmp_path, shot):
    path = tmp_path / "a.heic"
    container = pillow_heif.from_pillow(Image.fromarray(shot))
    container.info["thumbnails"] = [64]
    container.save(path, quality=90)
    assert read_picture(path).shape == shot.shape


@pytest.mark.parametrize("suffix", ["heic", "avif", "webp", "png"])
def test_alpha_is_kept(tmp_path, suffix):
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., :3] = 200, 40, 40
    rgba[16:48, 16:48, 3] = 255
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(rgba).save(path, quality=95, lossless=suffix == "webp") if (
        suffix != "heic"
    ) else pillow_heif.from_pillow(Image.fromarray(rgba)).save(path, quality=95)
    picture = read_whole(path)
    assert picture.rgba is not None
    assert abs(int(picture.rgba[32, 32, 3]) - 255) <= 2
    assert picture.rgba[2, 2, 3] <= 2
    assert far(picture.rgb[2:4, 2:4], np.full((2, 2, 3), 255)) < 3
    assert far(picture.rgb[30:34, 30:34], np.full((4, 4, 3), (200, 40, 40))) < 6


def test_the_name_does_not_count(tmp_path, shot):
    path = tmp_path / "a.jpg"
    Image.fromarray(shot).save(path, "PNG")
    assert np.array_equal(read_picture(path), shot)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"<svg/>", "an SVG drawing"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "a camera's raw file"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file"),
    ],
)
def test_a_known_kind_that_cannot_be_read_is_named(tmp_path, content, said):
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with (
        pytest.raises(InputError, match=rf"a\.bin is {said}, which cannot be read; save it as"),
        open_source(str(path)),
    ):
        pass


def test_a_raw_file_does_not_give_its_thumbnail(tmp_path):
    path = tmp_path / "shot.tif"
    solid((10, 20, 30)).save(path, tiffinfo={254: 1})
    with pytest.raises(InputError, match="a camera's raw file"):
        read_picture(path)


def test_of_several_pages_the_first_is_taken_and_that_is_said(tmp_path, caplog):
    path = tmp_path / "scan.tif"
    pages = [solid((place * 40, 0, 0)) for place in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert (read_picture(path) == (0, 0, 0)).all()
    assert "scan.tif holds 3 pages; the first one is taken." in caplog.text


def test_a_3d_photo_and_a_motion_photo_are_their_first_picture(tmp_path, shot):
    path = tmp_path / "a.mpo"
    Image.fromarray(shot).save(
        path, "MPO", quality=90, save_all=True, append_images=[Image.fromarray(shot[::-1])]
    )
    assert far(read_picture(path), shot) < 4
    motion = tmp_path / "motion.jpg"
    Image.fromarray(shot).save(motion, quality=90)
    motion.write_bytes(motion.read_bytes() + b"\0\0\0\x18ftypmp42" + bytes(5000))
    assert looks_like_picture(motion)
    assert far(read_picture(motion), shot) < 4


def test_an_icon_gives_its_largest_picture(tmp_path):
    path = tmp_path / "a.ico"
    solid((200, 100, 50, 255), (64, 64)).save(path, sizes=[(16, 16), (64, 64)])
    assert read_picture(path).shape == (64, 64, 3)


@pytest.mark.parametrize(("alpha", "seen"), [(0, (10, 200, 30)), (255, (10, 200, 30))])
def test_a_bitmap_that_leaves_its_alpha_empty_is_opaque(tmp_path, alpha, seen):
    path = tmp_path / "a.bmp"
    save_bitmap(path, [(10, 200, 30, alpha)] * 4)
    assert (read_picture(path) == seen).all()


def test_a_bitmap_with_alpha_is_transparent(tmp_path):
    path = tmp_path / "a.bmp"
    save_bitmap(path, [(10, 200, 30, 255), (255, 0, 255, 0)])
    assert read_picture(path)[0].tolist() == [[10, 200, 30], [255, 255, 255]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "heic", "gif", "tif", "bmp"])
def test_cut_short_it_is_one_sentence(tmp_path, suffix):
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        pillow_heif.from_pillow(Image.fromarray(picture)).save(path, quality=95)
    else:
        Image.fromarray(picture).save(path)
    data = path.read_bytes()
    for keep in (13, len(data) // 4, len(data) // 2, len(data) * 9 // 10):
        path.write_bytes(data[:keep])
        with pytest.raises(InputError, match=rf"a\.{suffix} is (damaged|not a picture)"):
            read_picture(path)


def test_sixteen_bits_cmyk_and_floats_become_eight_bits(tmp_path):
    deep = np.full((4, 4, 3), (65535, 32896, 0), np.uint16)
    import cv2

    cv2.imwrite(str(tmp_path / "deep.png"), np.ascontiguousarray(deep[..., ::-1]))
    assert far(read_picture(tmp_path / "deep.png"), np.full((4, 4, 3), (255, 128, 0))) < 1
    solid((255, 0, 0)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert far(read_picture(tmp_path / "a.jpg"), np.full((6, 8, 3), (255, 0, 0))) < 3
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "f.tif")
    assert (read_picture(tmp_path / "f.tif") == 128).all()
    Image.fromarray(np.array([[np.nan, np.inf, 0, 1]], np.float32)).save(tmp_path / "n.tif")
    assert read_picture(tmp_path / "n.tif")[0, :, 0].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "I;16"])
def test_one_transparent_color_of_a_png_is_transparent(tmp_path, mode):
    path = tmp_path / "a.png"
    if mode == "I;16":
        image = Image.fromarray(np.array([[0, 65535]], np.uint16))
    else:
        image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert(mode)
    clear = (0, 0, 0) if mode == "RGB" else image.getpixel((0, 0))
    image.save(path, transparency=clear)
    picture = read_whole(path)
    assert picture.rgba is not None
    assert picture.rgba[0, :, 3].tolist() == [0, 255]
    assert (picture.rgb == 255).all()


def test_a_palette_with_alpha_is_transparent(tmp_path):
    path = tmp_path / "a.png"
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 255, 0, 120, 255])
    image.putdata([0, 1])
    image.save(path, transparency=bytes([0, 128]))
    picture = read_whole(path)
    assert picture.rgba is not None
    assert picture.rgb[0].tolist() == [[255, 255, 255], [127, 187, 255]]


def test_no_color_that_hid_under_alpha_comes_back(tmp_path):
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[...] = 255, 0, 255, 0
    rgba[10:30, 10:30] = 0, 120, 255, 255
    path = tmp_path / "logo.png"
    Image.fromarray(rgba).save(path)
    picture = read_whole(path)
    assert picture.rgba is not None
    colors = np.unique(picture.rgba[..., :3].reshape(-1, 3), axis=0).tolist()
    assert colors == [[0, 120, 255], [255, 255, 255]]
    assert np.unique(picture.rgb.reshape(-1, 3), axis=0).tolist() == colors


def test_a_bomb_of_any_kind_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    from app.sources import pictures

    monkeypatch.setattr(pictures, "MAX_PIXELS", 99)
    for suffix in ("png", "jpg", "webp", "avif", "gif", "tif", "bmp", "heic"):
        path = tmp_path / f"a.{suffix}"
        buffer = io.BytesIO()
        if suffix == "heic":
            pillow_heif.from_pillow(solid((1, 2, 3), (64, 64))).save(buffer)
            path.write_bytes(buffer.getvalue())
        else:
            solid((1, 2, 3), (64, 64)).save(path)
        with pytest.raises(InputError, match=r"is 64x64; .* Scale it down first"):
            read_picture(path)
