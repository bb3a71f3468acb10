"""Files played as if they were a camera."""

import shutil
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from app import places
from app.errors import InputError, OptionError
from app.sources.live_base import LiveSource, create_live_source, live_sources

LONG = 120.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        picture = np.full((36, 64, 3), 40 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    return tmp_path


def read(source: LiveSource, count: int) -> list[tuple[int, int, float]]:
    """(index, brightness, captured_at) of so many frames."""
    frames = []
    for _ in range(count):
        frame = source.read()
        assert frame is not None
        frames.append((frame.index, int(frame.rgb[0, 0, 0]), frame.captured_at))
    return frames


def test_a_folder_is_looped_in_real_time_with_indices_that_grow(folder: Path) -> None:
    source = create_live_source(f"file:{folder},fps=100")
    source.open()
    began = time.monotonic()
    frames = read(source, 8)
    source.close()
    assert [index for index, _, _ in frames] == list(range(8))
    assert [value for _, value, _ in frames] == [0, 40, 80, 0, 40, 80, 0, 40]
    times = [at for _, _, at in frames]
    assert times == sorted(times)
    assert len(set(times)) == 8
    # Seven intervals of 10 ms; a busy machine may be slower, never faster.
    assert times[-1] - times[0] >= 0.069
    assert began <= times[0] <= times[-1] <= time.monotonic()


def test_a_picture_is_shown_again_and_again(folder: Path) -> None:
    source = create_live_source(str(folder / "1.png"))
    source.open()
    assert source.rate == 25
    assert "64x36" in source.description
    assert [(index, value) for index, value, _ in read(source, 3)] == [(0, 40), (1, 40), (2, 40)]
    source.close()


def test_the_demo_clip_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (places.assets() / "demo.mp4").is_file():
        pytest.skip("assets/demo.mp4 is not there")
    source = create_live_source("demo")
    source.open()
    first = source.read()
    assert first is not None
    assert first.size == (1280, 720)
    source.close()
    source.close()


@pytest.mark.parametrize("before", [True, False])
def test_a_read_that_waits_is_interrupted_and_stays_so_until_it_is_opened(
    folder: Path, before: bool
) -> None:
    source = create_live_source(f"file:{folder},fps=0.1")
    source.open()
    assert source.read() is not None
    if before:
        source.interrupt()
    else:
        # Whether it comes before or within the wait is all the same to the reader.
        threading.Thread(target=source.interrupt).start()
    assert source.read() is None
    assert source.read() is None
    source.open()
    assert source.read() is not None
    source.close()


def test_a_file_may_be_called_like_a_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "demo").mkdir()
    (folder / "1.png").rename(folder / "demo" / "1.png")
    monkeypatch.chdir(folder)
    source = create_live_source("./demo")
    source.open()
    assert read(source, 1)[0][1] == 40
    source.close()


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="demo"):
        create_live_source(str(tmp_path / "none.mp4"))
    with pytest.raises(OptionError, match="fps"):
        create_live_source(f"file:{tmp_path},fps=fast")
    source = live_sources.create("file", path=tmp_path / "none.mp4")
    with pytest.raises(InputError):
        source.open()
    source.close()


def test_a_file_that_is_no_video_is_an_error_for_good(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    source = create_live_source(str(path))
    with pytest.raises(InputError):
        source.open()
    source.close()


def test_a_file_that_disappears_says_so_in_a_files_words(folder: Path) -> None:
    clip = folder / "clip.mp4"
    shutil.copy(places.assets() / "demo.mp4", clip)
    source = create_live_source(f"file:{clip}")
    source.open()
    assert source.read() is not None
    clip.rename(folder / "elsewhere.mp4")
    source._frames = iter(())  # type: ignore[attr-defined]  # the loop's end
    with pytest.raises(InputError, match=r"clip\.mp4 is no longer there; put it back, or choose"):
        source.read()
    source.close()


def test_only_a_camera_speaks_of_its_plug() -> None:
    for entry in live_sources.entries():
        silence = entry.factory.silence
        assert silence is not LiveSource.silence, entry.name
        assert ("plug" in silence.remedy) == (entry.name == "camera")
        assert entry.name.partition(" ")[0] in silence.sentence.lower()
