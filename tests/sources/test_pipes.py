"""Standard input, named pipes and standard output: read once, written once, never sought."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.backgrounds import create_background
from app.errors import InputError, MattecamError, OutputError, UsageError
from app.outputs.open import open_output
from app.sources.base import SourceInfo
from app.sources.open import open_source
from app.sources.pictures import read_picture
from app.sources.pipe import Pipe, pipe_at
from tests.sources.moments import copy, join, look, make_part

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
MAIN = Path(__file__).parents[2] / "main.py"


@pytest.fixture
def info() -> SourceInfo:
    return SourceInfo(size=(64, 48), rate=Fraction(25), time_base=Fraction(1, 25))


@pytest.fixture
def feed(tmp_path):
    """Gives the path of a named pipe into which `content` is written, once."""
    threads = []

    def start(content: bytes, name: str = "pipe") -> Path:
        path = tmp_path / name
        os.mkfifo(path)

        def write() -> None:
            with suppress(BrokenPipeError):  # who reads has had enough
                path.write_bytes(content)

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return path

    yield start
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("container", "video", "audio"),
    [
        ("matroska", "libx264", "aac"),
        ("mpegts", "libx264", "aac"),
        ("webm", "libvpx", "libopus"),
        ("mp4", "libx264", "aac"),  # its header is at its end
    ],
)
def test_a_pipe_is_converted_with_its_sound(tmp_path, feed, container, video, audio):
    part = make_part(tmp_path / "part", container=container, video=video, audio=audio, options={})
    moments = copy(feed(part.read_bytes()), tmp_path / "out.mkv")
    assert moments == look_at_file(part, tmp_path)
    assert len(moments.times) == 25
    assert moments.beeps == pytest.approx(moments.flashes, abs=0.045)


def look_at_file(part: Path, folder: Path):
    return copy(part, folder / "from_file.mkv")


def test_a_pipe_whose_clock_jumps_goes_on(tmp_path, feed):
    parts = join(
        tmp_path / "a.ts", make_part(tmp_path / "0.ts"), make_part(tmp_path / "1.ts", offset=50)
    )
    moments = copy(feed(parts.read_bytes()), tmp_path / "out.mp4")
    assert np.diff(moments.times) == pytest.approx(np.full(49, 0.04), abs=0.001)
    assert len(moments.beeps) == 2


def test_pictures_in_a_pipe_are_its_frames(feed):
    pictures = io.BytesIO()
    for grey in (40, 200):
        frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), grey, np.uint8), "rgb24")
        frame.to_image().save(pictures, "PNG")
    with open_source(str(feed(pictures.getvalue()))) as source:
        assert [int(frame.rgb.mean()) for frame in source] == [40, 200]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"hello\n" * 50, "is not a video"), (b"\0" * 5000, "is not a video")],
)
def test_what_is_no_video_is_refused(feed, content, words):
    with pytest.raises(InputError, match=words), open_source(str(feed(content))):
        pass


def test_a_pipe_is_read_once(tmp_path, feed):
    part = make_part(tmp_path / "part", container="matroska")
    with open_source(str(feed(part.read_bytes()))) as source:
        assert len(list(source)) == 25
        with pytest.raises(InputError, match="read only once"):
            list(source)


def test_backgrounds_and_pictures_are_not_read_from_pipes(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for spec in (f"video:{path}", f"image:{path}", str(path), "video:-"):
        with pytest.raises(MattecamError, match="only once"), create_background(spec):
            pass
    with pytest.raises(InputError, match="only once"):
        read_picture(path)
    assert pipe_at(path)
    assert not pipe_at(tmp_path)


def test_what_interrupts_a_read_passes_through_ffmpeg(monkeypatch):
    reading, writing = os.pipe()
    pipe = Pipe(reading, "a pipe")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("app.sources.pipe.select.select", interrupted)
    assert pipe.read(10) == b""
    with pytest.raises(KeyboardInterrupt):
        pipe.raise_failure()
    pipe.close()
    os.close(writing)


def test_nobody_writes_into_a_named_pipe(tmp_path, monkeypatch):
    monkeypatch.setattr("app.sources.pipe._GIVE_UP_AFTER", 0.0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(InputError, match="Nothing came from"), open_source(str(path)):
        pass


@pytest.mark.parametrize("name", ["mkv", "webm", "mp4", "ts", "mjpeg"])
def test_a_named_pipe_is_written_into(tmp_path, name):
    part = make_part(tmp_path / "part.mkv", container="matroska")
    path, got = tmp_path / "pipe", tmp_path / f"got.{name}"
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.write_bytes(path.read_bytes()))
    reader.start()
    with open_source(str(part)) as source:
        size, info = source.info.size, source.info
        with open_output(path, size=size, info=info, format_name=name) as output:
            for frame in source:
                output.write(frame.rgb, index=frame.index, captured_at=frame.captured_at)
    reader.join(20)
    moments = look(got)
    assert len(moments.times) == 25
    if name != "mjpeg":
        assert moments.beeps == pytest.approx(moments.flashes, abs=0.045)


def test_a_reader_that_goes_away_is_one_sentence(tmp_path, info):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: open(path, "rb").close())
    reader.start()

    noise = np.random.default_rng(1)

    def write() -> None:
        with open_output(path, size=(64, 48), info=info, format_name="mkv") as output:
            reader.join()
            for index in range(300):
                output.write(
                    noise.integers(0, 255, (48, 64, 3), np.uint8),
                    index=index,
                    captured_at=index / 25,
                )

    with pytest.raises(OutputError, match="has ended"):
        write()


def test_what_no_pipe_can_hold_is_refused(tmp_path, info):
    with pytest.raises(UsageError, match="mkv, webm, mp4"):
        open_output("-", size=(64, 48), info=info, format_name="avi")
    with pytest.raises(UsageError, match="cannot be transparent"):
        open_output("-", size=(64, 48), info=info, channels="rgba", format_name="mp4")
    with pytest.raises(UsageError, match="is for a pipe"):
        open_output(tmp_path / "a.mp4", size=(64, 48), info=info, format_name="mp4")


def test_nothing_but_the_video_comes_through_standard_output(tmp_path):
    part = make_part(tmp_path / "part", container="matroska")
    command = [sys.executable, str(MAIN), "convert", "-", "-o", "-", "--engine", "null"]
    command += ["--background", "color:#00b140"]
    done = subprocess.run(
        command, input=part.read_bytes(), capture_output=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    with av.open(io.BytesIO(done.stdout)) as container:
        assert container.format.name == "matroska,webm"
        assert len(list(container.decode(video=0))) == 25
    assert b"25 frames" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part"]  # no folder named "-"
