from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from app.errors import DiskFull, OutputError, OutputExists
from app.outputs.disk import drop_partial_box, is_disk_error, output_error
from app.outputs.open import open_output
from app.sources.video_file import VideoFileSource

ENDINGS = [".mp4", ".mov", ".mkv", ".webm"]


@contextmanager
def disk_with_room(room: int) -> Iterator[None]:
    """Lets files grow to so many bytes and no further: the kernel itself refuses, with EFBIG.

    Only as long as it must: the file that pytest's own report may go to is under the limit, too.
    """
    resource = pytest.importorskip("resource", reason="resource limits are POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write(path, info, noise, count):
    with open_output(path, size=(64, 48), info=info) as output:
        for index in range(count):
            output.write(noise(index), index=index, captured_at=index / 25)


@pytest.mark.parametrize("room", [150_000, 263_333])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_written_before_the_disk_was_full_plays(tmp_path, info, noise, ending, room):
    path = tmp_path / f"a{ending}"
    with (
        disk_with_room(room),
        pytest.raises(DiskFull, match=rf"a\{ending} has become as large .* can be played"),
    ):
        write(path, info, noise, 2000)
    with VideoFileSource(path) as source:  # a torn last frame is skipped, as players do
        times = [frame.captured_at for frame in source]
    assert len(times) >= 10
    assert times == [index / 25 for index in range(len(times))]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_a_disk_that_is_full_only_at_the_very_end_still_leaves_every_frame(
    tmp_path, info, noise, read_back, ending
):
    whole = tmp_path / f"whole{ending}"
    write(whole, info, noise, 100)
    # in the middle of the final header
    path = tmp_path / f"a{ending}"
    with disk_with_room(whole.stat().st_size - 700), pytest.raises(DiskFull):
        write(path, info, noise, 100)
    assert len(read_back(path).times) == 100


def test_a_disk_that_was_full_before_anything_leaves_no_file(tmp_path, info, noise):
    with disk_with_room(1000), pytest.raises(DiskFull, match="Too little was written"):
        write(tmp_path / "a.mp4", info, noise, 200)
    assert list(tmp_path.iterdir()) == []


def test_audio_does_not_hide_that_the_disk_is_full(tmp_path, info, noise, make_audio, read_back):
    info = replace(info, audio=make_audio("a.wav", "pcm_s16le", seconds=60))
    with disk_with_room(1_000_000), pytest.raises(DiskFull):
        write(tmp_path / "a.mov", info, lambda _: np.zeros((48, 64, 3), np.uint8), 1500)
    assert len(read_back(tmp_path / "a.mov").times) > 100


def test_a_full_disk_does_not_replace_what_ended_the_work(tmp_path, info, noise):

    def break_off():
        with open_output(tmp_path / "a.mp4", size=(64, 48), info=info) as output:
            for index in range(3):
                output.write(noise(index), index=index, captured_at=index / 25)
            raise KeyboardInterrupt

    with disk_with_room(8_000), pytest.raises(KeyboardInterrupt):
        break_off()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_disk_that_is_always_full_is_said_and_leaves_no_file(tmp_path, info, noise, ending):
    path = tmp_path / f"a{ending}"
    path.symlink_to("/dev/full")

    def fill():
        with open_output(path, size=(64, 48), info=info, force=True) as output:
            for index in range(200):
                output.write(noise(index), index=index, captured_at=index / 25)

    with pytest.raises(DiskFull, match=r"The disk is full: .*Too little.* Make room"):
        fill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_really_full_disk(tmp_path, info, noise, read_back):
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(mount)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("this container may not mount")
    try:
        with pytest.raises(DiskFull, match="The disk is full"):
            write(mount / "a.mp4", info, noise, 2000)
        assert len(read_back(mount / "a.mp4").times) >= 20
        with pytest.raises(DiskFull, match="The disk is full"):
            write(mount / "pictures", info, noise, 2000)
        assert not list((mount / "pictures").glob(".*"))
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_torn_fragment_is_cut_away(tmp_path):
    def box(name: bytes, size: int) -> bytes:
        return size.to_bytes(4, "big") + name + bytes(size - 8)

    whole = box(b"ftyp", 16) + box(b"moov", 40) + box(b"mdat", 30) + box(b"moof", 24)
    path = tmp_path / "a.mp4"
    for torn in (box(b"mdat", 50)[:20], box(b"mdat", 50)[:3], b""):
        path.write_bytes(whole + torn)
        drop_partial_box(path)
        assert path.stat().st_size == 16 + 40 + 30  # a moof alone describes nothing
    path.write_bytes(whole + box(b"mdat", 50))
    drop_partial_box(path)
    assert path.stat().st_size == len(whole) + 50


def test_the_sentence_follows_the_error(tmp_path):
    path = tmp_path / "a.mp4"
    assert isinstance(output_error(path, FileExistsError()), OutputExists)
    assert "choose another place" in str(output_error(path, PermissionError()))
    assert isinstance(output_error(path, OSError(errno.ENOSPC, "x")), DiskFull)
    assert type(output_error(path, OSError(errno.EIO, "x"))) is OutputError


def test_ffmpegs_own_errors_are_not_taken_for_the_disks():
    assert is_disk_error(av.error.OSError(errno.ENOSPC, "full"))
    assert not is_disk_error(av.error.PermissionError(errno.EPERM, "a malformed packet"))
    assert not is_disk_error(av.error.InvalidDataError(1094995529, "a malformed packet"))
