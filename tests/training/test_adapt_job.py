"""What `adapt` reads and refuses, before and after it learns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import DiskFull, InputError, OutputError, OutputExists, SourceLost, UsageError
from app.frames import RGB, Frame
from app.training import adapt_job
from app.training.take import MOST_FRAMES, SECONDS


def write(folder: Path, count: int, *, start: int = 0, size: tuple[int, int] = (16, 9)) -> Path:
    """Pictures whose level counts up."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        level = (start + index) % 256
        Image.new("RGB", size, (level, level // 2, 255 - level)).save(folder / f"{index:05d}.png")
    return folder


def levels(frames: list[RGB] | tuple[RGB, ...]) -> list[int]:
    return [int(rgb[0, 0, 0]) for rgb in frames]


def test_a_short_folder_of_pictures_is_read_as_it_is(tmp_path: Path) -> None:
    frames = adapt_job.read(str(write(tmp_path / "me", 50)))
    assert levels(list(frames)) == list(range(50))


def test_a_long_clip_is_thinned_out_evenly_and_keeps_its_end_whole(tmp_path: Path) -> None:
    frames = adapt_job.read(str(write(tmp_path / "me", 1000)))
    assert MOST_FRAMES // 2 < len(frames) <= MOST_FRAMES
    seen = levels(list(frames))
    tail = [index % 256 for index in range(1000 - 48, 1000)]
    assert seen[-48:] == tail
    steps = {(after - before) % 256 for before, after in pairwise(seen[:-48])}
    assert len(steps) == 1


def test_a_folder_may_hold_clips(tmp_path: Path) -> None:
    write(tmp_path / "clips" / "a", 20)
    write(tmp_path / "clips" / "b", 30, start=100)
    (tmp_path / "clips" / "licence.txt").write_text("mine")
    frames = adapt_job.read(str(tmp_path / "clips"))
    assert levels(list(frames)) == [*range(20), *range(100, 130)]


def test_many_clips_share_what_is_kept(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / "clips" / f"{number:02d}", 60)
    frames = adapt_job.read(str(tmp_path / "clips"))
    assert len(frames) <= MOST_FRAMES + 96
    assert levels(list(frames))[-48:] == list(range(12, 60))


def test_pictures_of_several_sizes_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "me", 5)
    Image.new("RGB", (20, 20)).save(tmp_path / "me" / "z.png")
    with pytest.raises(InputError, match="differ in size"):
        adapt_job.read(str(tmp_path / "me"))


def test_clips_of_several_sizes_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "clips" / "a", 5)
    write(tmp_path / "clips" / "b", 5, size=(32, 18))
    with pytest.raises(InputError, match=r"16x9, 32x18"):
        adapt_job.read(str(tmp_path / "clips"))


def test_a_folder_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "note.txt").write_text("nothing to see")
    with pytest.raises(InputError, match="There is no clip and no picture"):
        adapt_job.read(str(tmp_path / "empty"))


def test_a_clip_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"not a video at all" * 100)
    with pytest.raises(InputError):
        adapt_job.read(str(tmp_path / "clip.mp4"))
    with pytest.raises(InputError):
        adapt_job.read(str(tmp_path / "missing.mp4"))


class Camera:
    """25 frames a second of made-up time."""

    def __init__(self, lost_after: int | None = None) -> None:
        self.lost_after = lost_after
        self.is_open = False
        self._frames = self._shoot()

    def _shoot(self) -> Iterator[Frame]:
        for index in range(100_000):
            if index == self.lost_after:
                raise SourceLost("The camera was unplugged.")
            yield Frame(np.full((36, 64, 3), index % 256, np.uint8), index, 50 + index / 25)

    def open(self) -> None:
        self.is_open = True

    def read(self) -> Frame | None:
        return next(self._frames)

    def close(self) -> None:
        self.is_open = False


def test_a_camera_is_recorded_with_hints_and_released(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera()
    monkeypatch.setattr(adapt_job, "create_live_source", lambda spec: camera)
    told: list[tuple[str, float]] = []
    frames = adapt_job.record(
        "camera:0", progress=lambda done: told.append((done.what, done.seconds_left or 0.0))
    )
    assert MOST_FRAMES <= len(frames) <= MOST_FRAMES + 25
    assert told[0][1] == SECONDS
    assert {"Lift your hands and move them", "Turn your head to both sides"} <= {
        hint for hint, _ in told
    }
    assert not camera.is_open


def test_a_camera_that_goes_away_is_released_too(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera(lost_after=30)
    monkeypatch.setattr(adapt_job, "create_live_source", lambda spec: camera)
    with pytest.raises(SourceLost, match="unplugged"):
        adapt_job.record("camera:0")
    assert not camera.is_open


def test_a_target_that_cannot_be_written_is_said_before_anything_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path))
    there = tmp_path / "there.safetensors"
    there.write_bytes(b"weights")
    with pytest.raises(OutputExists, match="--force"):
        adapt_job.check_target(there, force=False)
    adapt_job.check_target(there, force=True)
    assert there.read_bytes() == b"weights"
    with pytest.raises(UsageError, match="must end in"):
        adapt_job.check_target(tmp_path / "me.pt", force=False)
    for name in ("modnet-photographic", "mattecam-webcam"):
        with pytest.raises(UsageError, match="belongs to this program"):
            adapt_job.check_target(tmp_path / f"{name}.safetensors", force=True)
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(OutputExists, match="is a folder"):
        adapt_job.check_target(tmp_path / "folder.safetensors", force=True)
    with pytest.raises(OutputError, match="cannot be written"):
        adapt_job.check_target(there / "me.safetensors", force=False)
    usage = adapt_job.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(adapt_job.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(DiskFull, match="has 1 MB left"):
        adapt_job.check_target(tmp_path / "me.safetensors", force=False)
