from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.errors import DiskFull, OutputError, OutputExists
from app.outputs import disk
from app.outputs.disk import WatchedFile, drop_partial_box, has_pictures, output_error
from app.outputs.open import open_output

ENDINGS = [".mp4", ".mov", ".mkv", ".webm"]


class FullDisk:
    """Stands for the file: takes `room` bytes, then the disk is full."""

    def __init__(self, path: Path, room: int, error: int = errno.ENOSPC) -> None:
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115
        self._room = room
        self._error = error

    def write(self, data) -> int:
        # As a kernel does: a part at first, then the error.
        left = self._room - self._file.tell()
        if left <= 0:
            raise OSError(self._error, os.strerror(self._error))
        return self._file.write(data[:left])

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.fixture
def disk_with_room(monkeypatch):
    def limit(room: int, error: int = errno.ENOSPC) -> None:
        def open_limited(self) -> None:
            self._file = FullDisk(self.path, room, error)

        monkeypatch.setattr(WatchedFile, "open", open_limited)

    return limit


def write(path, info, noise, count):
    with open_output(path, size=(64, 48), info=info) as output:
        for index in range(count):
            output.write(noise(index), index=index, captured_at=index / 25)


@pytest.mark.parametrize("room", [120_000, 203_333])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_written_before_the_disk_was_full_plays(
    tmp_path, info, noise, read_back, disk_with_room, ending, room
):
    disk_with_room(room)
    path = tmp_path / f"a{ending}"
    with pytest.raises(DiskFull, match=rf"disk is full: .*a\{ending}.* can be played\. Make room"):
        write(path, info, noise, 2000)
    times = read_back(path).times
    assert len(times) >= 10
    assert times == [index / info.rate for index in range(len(times))]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_a_disk_that_is_full_only_at_the_very_end_still_leaves_every_frame(
    tmp_path, info, noise, read_back, disk_with_room, ending
):
    whole = tmp_path / f"whole{ending}"
    write(whole, info, noise, 100)
    disk_with_room(whole.stat().st_size - 700)  # in the middle of the final header
    path = tmp_path / f"a{ending}"
    with pytest.raises(DiskFull):
        write(path, info, noise, 100)
    assert len(read_back(path).times) == 100


def test_a_disk_that_was_full_before_anything_leaves_no_file(tmp_path, info, noise, disk_with_room):
    disk_with_room(1000)
    with pytest.raises(DiskFull, match="Too little was written"):
        write(tmp_path / "a.mp4", info, noise, 200)
    assert list(tmp_path.iterdir()) == []


def test_audio_does_not_hide_that_the_disk_is_full(
    tmp_path, info, noise, make_audio, disk_with_room, read_back
):
    info = replace(info, audio=make_audio("a.wav", "pcm_s16le", seconds=60))
    disk_with_room(1_000_000)
    with pytest.raises(DiskFull):
        write(tmp_path / "a.mov", info, lambda _: np.zeros((48, 64, 3), np.uint8), 1500)
    assert len(read_back(tmp_path / "a.mov").times) > 100


def test_a_full_disk_does_not_replace_what_ended_the_work(tmp_path, info, noise, disk_with_room):
    disk_with_room(8_000)

    def break_off():
        with open_output(tmp_path / "a.mp4", size=(64, 48), info=info) as output:
            for index in range(3):
                output.write(noise(index), index=index, captured_at=index / 25)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()


def test_a_file_system_with_a_largest_file_size_is_said(tmp_path, info, noise, disk_with_room):
    disk_with_room(100_000, errno.EFBIG)
    with pytest.raises(DiskFull, match="as large as its file system allows"):
        write(tmp_path / "a.mp4", info, noise, 2000)


def test_any_other_failure_is_a_sentence_too(tmp_path, info, noise, disk_with_room):
    disk_with_room(100_000, errno.EIO)
    with pytest.raises(OutputError, match=r"a\.mp4 cannot be written: .*can be played"):
        write(tmp_path / "a.mp4", info, noise, 2000)


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_real_limit_of_the_system_is_met_in_a_child_process(tmp_path, read_back):
    path = tmp_path / "a.mp4"
    script = """
        import resource, signal, sys
        from fractions import Fraction
        import numpy as np
        from app.errors import DiskFull
        from app.outputs.open import open_output
        from app.sources.base import SourceInfo
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        info = SourceInfo((64, 48), Fraction(25), Fraction(1, 25))
        rng = np.random.default_rng(0)
        try:
            with open_output(sys.argv[1], size=(64, 48), info=info) as output:
                for index in range(2000):
                    picture = rng.integers(0, 255, (48, 64, 3), np.uint8)
                    output.write(picture, index=index, captured_at=index / 25)
        except DiskFull as error:
            sys.exit(str(error))
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        cwd=Path(disk.__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.stderr.startswith(f"{path} has become as large as its file system allows")
    assert "Traceback" not in child.stderr
    assert len(read_back(path).times) >= 10


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
        assert has_pictures(path)
    path.write_bytes(whole + box(b"mdat", 50))
    drop_partial_box(path)
    assert path.stat().st_size == len(whole) + 50
    path.write_bytes(box(b"ftyp", 16))
    assert not has_pictures(path)


def test_the_sentence_follows_the_error(tmp_path):
    path = tmp_path / "a.mp4"
    assert isinstance(output_error(path, FileExistsError()), OutputExists)
    assert "choose another place" in str(output_error(path, PermissionError()))
    assert isinstance(output_error(path, OSError(errno.ENOSPC, "x")), DiskFull)
