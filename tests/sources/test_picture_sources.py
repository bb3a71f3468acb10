from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.errors import InputError
from app.sources import pictures
from app.sources.image_file import FolderSource, PictureSource
from app.sources.pictures import looks_like_picture, read_picture


@pytest.fixture
def corner() -> np.ndarray:
    """uint8 (24, 48, 3): blue, red in the top left corner, green in the top right one."""
    picture = np.full((24, 48, 3), (0, 0, 200), np.uint8)
    picture[:8, :16] = 255, 0, 0
    picture[:8, 32:] = 0, 255, 0
    return picture


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.jpg", "a.webp"])
def test_a_picture_is_a_clip_of_one_frame(tmp_path, corner, name):
    path = tmp_path / name
    Image.fromarray(corner).save(path, quality=95)
    with PictureSource(path) as source:
        frames = list(source)
    assert len(frames) == source.info.frame_count == 1
    assert source.info.size == (48, 24)
    assert source.info.colour is None
    assert source.stem(0) == "a"
    assert np.abs(frames[0].rgb.astype(int) - corner).mean() < 6
    assert frames[0].rgb.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path, corner, orientation):
    stored = {
        1: corner,
        2: corner[:, ::-1],
        3: corner[::-1, ::-1],
        4: corner[::-1],
        5: corner.transpose(1, 0, 2),
        6: np.rot90(corner),
        7: corner[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(corner, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert np.array_equal(read_picture(path), corner)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "CMYK"])
def test_every_kind_of_pixels_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode).save(path)
    rgb = read_picture(path)
    assert rgb.shape == (4, 5, 3)
    assert rgb.dtype == np.uint8
    assert (rgb == 255).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, name):
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    path = tmp_path / name
    Image.fromarray(values).save(path)
    assert read_picture(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_colour_profile_is_converted_to_srgb(tmp_path):
    path = tmp_path / "a.png"
    lab_white = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.new("RGB", (2, 2), (200, 100, 50)).save(path, icc_profile=lab_white.tobytes())
    assert np.abs(read_picture(path).astype(int) - (200, 100, 50)).max() <= 1


def test_a_nonsense_colour_profile_is_ignored(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (2, 2), (200, 100, 50)).save(path, icc_profile=b"nonsense")
    assert (read_picture(path) == (200, 100, 50)).all()


def test_pillows_own_limit_neither_stops_a_large_picture_nor_is_changed(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("1", (100, 100)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    assert read_picture(path).shape == (100, 100, 3)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_bomb_is_refused_in_a_sentence_before_it_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("1", (100, 100)).save(path)
    monkeypatch.setattr(pictures, "MAX_PIXELS", 9_999)
    with pytest.raises(InputError, match=r"a\.png is 100x100; .* Scale it down"):
        read_picture(path)


@pytest.mark.parametrize("keep", [10, 40, 400])
def test_a_truncated_picture_is_one_sentence(tmp_path, keep):
    path = tmp_path / "a.jpg"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.jpg is (damaged|not a picture)"):
        read_picture(path)


def test_pictures_are_told_by_their_content(tmp_path, corner):
    for name in ("a.png", "b.jpg", "c.webp", "d.bmp", "e.tif"):
        path = tmp_path / name
        Image.fromarray(corner).save(path)
        assert looks_like_picture(path.rename(path.with_suffix(".dat")))
    text = tmp_path / "text.png"
    text.write_text("words")
    assert not looks_like_picture(text)
    assert looks_like_picture(tmp_path / "missing.PNG")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "shots"
    folder.mkdir()
    for place, name in enumerate(["2.png", "10.png", "b.jpg", "a.png"]):
        Image.new("RGB", (8 + place, 6), (place * 40,) * 3).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    (folder / "._a.png").write_bytes(b"of macOS")
    (folder / "z.png").mkdir()
    return folder


def test_a_folders_pictures_come_in_natural_order_each_at_its_own_size(folder):
    with FolderSource(folder) as source:
        frames = list(source)
        stems = [source.stem(frame.index) for frame in frames]
    assert stems == ["2", "10", "a", "b"]
    assert [frame.size for frame in frames] == [(8, 6), (9, 6), (11, 6), (10, 6)]
    assert [frame.captured_at for frame in frames] == [0, 0.04, 0.08, 0.12]
    assert source.info.size == (8, 6)
    assert source.info.frame_count == 4
    assert source.info.rate == 25


def test_a_rate_sets_the_times(folder):
    with FolderSource(folder, rate=Fraction(10)) as source:
        assert [frame.captured_at for frame in source] == [0, 0.1, 0.2, 0.3]
    assert source.info.time_base == Fraction(1, 10)


@pytest.mark.parametrize("broken", ["10.png", "2.png", "b.jpg"])
def test_a_broken_picture_is_skipped_counted_and_leaves_a_gap_in_time(folder, broken, caplog):
    (folder / broken).write_bytes(b"\x89PNG broken")
    order = ["2.png", "10.png", "a.png", "b.jpg"]
    with FolderSource(folder) as source:
        frames = list(source)
    left = [place for place, name in enumerate(order) if name != broken]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.captured_at for frame in frames] == [place / 25 for place in left]
    assert [source.stem(i) for i in range(3)] == [order[place][:-4] for place in left]
    assert source.skipped == 1
    assert broken in caplog.text


def test_a_folder_can_be_read_again(folder):
    with FolderSource(folder) as source:
        assert len(list(source)) == len(list(source)) == 4


def test_names_that_differ_only_in_their_ending_stay_apart(tmp_path):
    for name in ("a.jpg", "A.png", "b.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    with FolderSource(tmp_path) as source:
        stems = [source.stem(frame.index) for frame in source]
    assert stems == ["a.jpg", "A.png", "b"]


def test_a_folder_without_a_picture_is_one_sentence(tmp_path):
    with (
        pytest.raises(InputError, match=r"no picture in the folder .*\.jpg"),
        FolderSource(tmp_path),
    ):
        pass
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(InputError, match="Not one of the 1 pictures"), FolderSource(tmp_path):
        pass


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read"), FolderSource(tmp_path / "gone"):
        pass
