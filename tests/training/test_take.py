"""The recording to adapt to: which frames are taken, where they lie, and that they go."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from app.errors import DiskFull, InputError, OutputError
from app.frames import RGB, Composite, Cutout, Frame
from app.sources.pictures import read_picture
from app.system.temporary import remove_stale
from app.training import take
from app.training.take import HINTS, MOST_FRAMES, Recorder, Take, hint_at, is_due

LONG = 120.0


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def picture(level: int = 100, size: tuple[int, int] = (64, 36)) -> RGB:
    return np.full((size[1], size[0], 3), level, np.uint8)


def composite(seconds: float, rgb: RGB | None = None) -> Composite:
    rgb = picture() if rgb is None else rgb
    return Composite(Cutout(Frame(rgb, 0, seconds), np.zeros(rgb.shape[:2], np.uint8), rgb), rgb)


def test_frames_are_taken_evenly_and_all_of_the_last_second() -> None:
    moments = [at / 25 for at in range(30 * 25)]
    taken: list[float] = []
    for moment in moments:
        if is_due(len(taken), moment, 30.0):
            taken.append(moment)
    assert [moment for moment in moments if moment > 29] == [at for at in taken if at > 29]
    early = np.diff([moment for moment in taken if moment <= 29])
    assert early.max() < 2.5 * early.min()
    assert MOST_FRAMES <= len(taken) <= MOST_FRAMES + 25


def test_each_hint_has_its_share_of_the_time() -> None:
    said = [hint_at(second, 30.0) for second in range(31)]
    assert list(dict.fromkeys(said)) == list(HINTS)
    assert {said.count(hint) for hint in HINTS} <= {6, 7}


def test_a_take_is_private_and_holds_what_was_seen() -> None:
    recorded = Take()
    rng = np.random.default_rng(0)
    rgb = np.repeat(np.repeat(rng.integers(0, 256, (9, 16, 3), np.uint8), 8, 0), 8, 1)
    recorded.add(rgb)
    (file,) = recorded.frames.iterdir()
    assert np.abs(read_picture(file).astype(int) - rgb).mean() < 4
    if os.name == "posix":
        assert recorded.frames.parent.stat().st_mode & 0o077 == 0
    recorded.remove()
    recorded.remove()
    assert not recorded.frames.parent.exists()


def test_large_pictures_are_shrunk_and_another_size_is_refused() -> None:
    recorded = Take()
    recorded.add(picture(size=(1920, 1080)))
    assert read_picture(next(recorded.frames.iterdir())).shape == (540, 960, 3)
    with pytest.raises(InputError, match="changed its size"):
        recorded.add(picture(size=(640, 480)))


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Take()

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(take, "write_private", full)
    with pytest.raises(DiskFull, match="The disk is full"):
        recorded.add(picture())


def test_without_a_temporary_folder_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match="cannot be written"):
        Take()


def test_a_recording_is_moved_where_it_is_kept_and_nothing_is_overwritten(tmp_path: Path) -> None:
    places = []
    for level in (10, 200):
        recorded = Take()
        recorded.add(picture(level))
        places.append(recorded.keep(tmp_path / "Videos" / "me"))
        recorded.remove()
    assert [place.name for place in places] == ["me", "me (2)"]
    assert [int(read_picture(place / "00000.jpg").mean()) for place in places] == [10, 200]


@pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
def test_a_recording_that_is_kept_stays_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        recorded = Take()
        recorded.add(picture())
        place = recorded.keep(tmp_path / "Videos" / "me")
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}


def test_a_recording_that_cannot_be_kept_stays_where_it_was(tmp_path: Path) -> None:
    recorded = Take()
    recorded.add(picture())
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot be written"):
        recorded.keep(tmp_path / "file" / "me")
    assert len(list(recorded.frames.iterdir())) == 1


def test_only_what_dead_programs_of_ours_left_is_deleted(temporary: Path, tmp_path: Path) -> None:
    living = Take()
    dead = temporary / "mattecam-adapt-999999999-abc"
    dead.mkdir()
    reused = temporary / f"mattecam-adapt-{os.getpid()}-old"
    reused.mkdir()
    os.utime(reused, (1, 1))  # from before this process began
    other = temporary / "somebody-elses"
    other.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if os.name == "posix":
        (temporary / "mattecam-adapt-999999999-link").symlink_to(elsewhere)
    remove_stale()
    assert not dead.exists()
    assert not reused.exists()
    assert living.frames.exists()
    assert other.exists()
    assert elsewhere.exists()


class Ended:
    """Waits for a recorder's end, which comes in its own thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._error: Exception | None = None

    def __call__(self, error: Exception | None) -> None:
        self._error = error
        self._event.set()

    def wait(self) -> Exception | None:
        assert self._event.wait(LONG)
        return self._error


def test_a_recorder_ends_by_itself_when_the_time_is_over() -> None:
    recorded, ended = Take(), Ended()
    recorder = Recorder(recorded, ended, seconds=2.0)
    recorder.start()
    for index in range(60):
        recorder.put(composite(100 + index / 25))
    assert ended.wait() is None
    assert recorder.passed >= 2.0
    assert recorded.count == 50
    assert recorder.silent < LONG


def test_a_recorder_that_is_cancelled_writes_no_more() -> None:
    recorded, ended = Take(), Ended()
    recorder = Recorder(recorded, ended, seconds=30.0)
    recorder.start()
    recorder.put(composite(0.0))
    recorder.cancel()
    assert ended.wait() is None
    assert recorder.join(LONG)
    before = recorded.count
    recorder.put(composite(1.0))
    assert recorded.count == before


def test_a_recorder_tells_what_went_wrong() -> None:
    recorded, ended = Take(), Ended()
    recorder = Recorder(recorded, ended, seconds=30.0)
    recorder.start()
    recorder.put(composite(0.0))
    recorder.put(composite(1.0, picture(size=(80, 60))))
    error = ended.wait()
    assert isinstance(error, InputError)
    assert "changed its size" in str(error)


def test_what_is_taken_is_as_large_as_training_needs_it() -> None:
    assert take.shrunk(picture(size=(480, 960))).shape == (960, 480, 3)
    assert take.shrunk(picture(size=(961, 100))).shape == (100, 960, 3)
