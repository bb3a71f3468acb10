from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import DiskFull, OutputError, OutputExists, UsageError
from app.outputs.memory import MemoryOutput, NullOutput
from app.outputs.open import PICTURE_ENDINGS, open_output
from app.outputs.pictures import FORMATS, FolderOutput, PictureOutput, write_picture
from app.sources.pictures import read_picture


@pytest.mark.parametrize(
    ("ending", "channels"),
    [
        (ending, channels)
        for ending in PICTURE_ENDINGS
        for channels in (0, 3, 4)
        if channels < 4 or FORMATS[ending][2]
    ],
)
def test_pictures_survive(tmp_path, ending, channels):
    picture = np.empty((40, 50, *([channels] if channels else [])), np.uint8)
    picture[:, :25] = 30
    picture[:, 25:] = 210
    path = tmp_path / f"a{ending}"
    write_picture(path, picture)
    with Image.open(path) as image:
        read = np.asarray(image)
    if ending == ".webp" and not channels:
        read = read[..., 0]  # WebP has no single channel
    assert read.shape == picture.shape
    assert np.abs(read.astype(int) - picture).max() <= (
        6 if ending in (".jpg", ".jpeg", ".webp") else 0
    )


@pytest.mark.parametrize("value", [0, 1, 127, 255])
def test_a_matte_is_one_channel_of_eight_bits_and_full_range(tmp_path, value):
    path = tmp_path / "a.png"
    write_picture(path, np.full((3, 4), value, np.uint8))
    with Image.open(path) as image:
        assert image.mode == "L"
        assert image.getextrema() == (value, value)


def test_transparent_pixels_keep_their_colour_and_alpha(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (9, 7, 4), np.uint8)
    picture[0] = 10, 20, 30, 0
    path = tmp_path / "a.png"
    write_picture(path, picture)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), picture)


def test_a_sequence_has_the_sources_names_and_each_its_size(tmp_path):
    stems = ["anna", "bert", "carl"]
    with FolderOutput(tmp_path / "out", stem=lambda index: stems[index]) as output:
        for index in range(3):
            output.write(np.zeros((4 + index, 5, 3), np.uint8), index=index, captured_at=index)
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == ["anna.png", "bert.png", "carl.png"]
    assert [read_picture(file).shape for file in files] == [(4, 5, 3), (5, 5, 3), (6, 5, 3)]


def test_a_sequence_from_a_video_is_numbered(tmp_path, info):
    with open_output(tmp_path / "out", size=(4, 4), info=info) as output:
        for index in (0, 1, 12345, 123456):
            output.write(np.zeros((4, 4, 3), np.uint8), index=index, captured_at=index / 25)
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"00000.png", "00001.png", "12345.png", "123456.png"}


def test_one_picture_takes_one_picture(tmp_path):
    picture = np.zeros((4, 4, 3), np.uint8)
    with PictureOutput(tmp_path / "a.png") as output:
        output.write(picture, index=0, captured_at=0)
        with pytest.raises(UsageError, match="one picture and more came; name a video or a folder"):
            output.write(picture, index=1, captured_at=1)


def test_what_appeared_meanwhile_is_kept(tmp_path):
    path = tmp_path / "a.png"
    output = PictureOutput(path)
    path.write_bytes(b"new")
    with pytest.raises(OutputExists), output:
        pass
    with pytest.raises(OutputExists), FolderOutput(tmp_path, stem=str):
        pass
    assert path.read_bytes() == b"new"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(OutputError, match="cannot be used"),
        FolderOutput(tmp_path / "file" / "out", stem=str),
    ):
        pass


@pytest.mark.parametrize("where", ["write", "replace"])
def test_a_full_disk_leaves_the_old_picture_and_no_half_one(tmp_path, monkeypatch, where):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fails(*arguments):
        if where == "write":
            with open(arguments[0], "wb") as file:
                file.write(b"half")
        raise full

    if where == "write":
        monkeypatch.setattr(Path, "write_bytes", fails)
    else:
        monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(DiskFull, match="The disk is full"):
        write_picture(path, np.zeros((4, 4, 3), np.uint8))
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_a_picture_too_large_for_its_format_is_one_sentence(tmp_path):
    with pytest.raises(OutputError, match="cannot hold a picture of 70000x1"):
        write_picture(tmp_path / "a.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_the_memory_output_keeps_copies():
    picture = np.zeros((2, 2, 3), np.uint8)
    with MemoryOutput() as output:
        output.write(picture, index=7, captured_at=0.5)
    picture += 1
    (written,) = output.written
    assert (written.index, written.captured_at, written.picture.max()) == (7, 0.5, 0)
    assert output.closed


def test_the_null_output_only_counts():
    with NullOutput() as output:
        output.write(np.zeros((2, 2), np.uint8), index=0, captured_at=0.0)
    assert output.count == 1
