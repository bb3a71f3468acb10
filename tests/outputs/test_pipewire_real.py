"""The PipeWire camera against the real PipeWire: published here, read back by another program."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from app.errors import OutputError, OutputLost
from app.outputs import pipewire
from app.outputs.live_base import LiveFormat
from app.outputs.pipewire import PipeWireCamera

SIZE = (320, 180)
RATE = 30.0
FORM = LiveFormat(SIZE, RATE)
LONG = 120.0
GREEN, RED = (30, 160, 60), (220, 40, 30)
BAR = 32  # width of the bar in pixels
STEP = 4  # pixels that it moves from one picture to the next

_PROGRAMS = (
    "dbus-run-session",
    "pipewire",
    "wireplumber",
    "wpctl",
    "gst-launch-1.0",
    "gst-inspect-1.0",
)
# Without a version it asks for GStreamer's own, which PipeWire's plug-in does not have.
_EXISTS = ("gst-inspect-1.0", "--exists", "--atleast-version=0.0")


def _missing() -> list[str]:
    programs = [name for name in _PROGRAMS if shutil.which(name) is None]
    if programs:
        return programs
    elements = ("pipewiresink", "pipewiresrc", "rawvideoparse", "videoconvert")
    return [name for name in elements if subprocess.run([*_EXISTS, name], check=False).returncode]


MISSING = _missing()
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}"),
    pytest.mark.timeout(120),
]


class Session:
    """A desktop session's D-Bus, PipeWire and WirePlumber in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.environ = {
            **{key: value for key, value in os.environ.items() if "PIPEWIRE" not in key},
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        log = (folder / "session.log").open("wb")
        # pipewire says its number, so that a test can stop it alone.
        script = 'pipewire & echo $! > "$HOME/pipewire.pid"; sleep 0.3; exec wireplumber'
        self._folder = folder
        self._process = subprocess.Popen(
            ["dbus-run-session", "--", "sh", "-c", script],
            env=self.environ,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        log.close()
        self.wait_for(lambda: (folder / "pipewire-0").is_socket(), "PipeWire's socket")

    def wait_for(self, condition: object, what: str) -> None:
        assert callable(condition)
        until = time.monotonic() + LONG
        pause = threading.Event()
        while not condition():
            said = (self._folder / "session.log").read_text(errors="replace")
            assert time.monotonic() < until, f"{what} did not come; the session said: {said}"
            pause.wait(0.05)

    def wait_for_camera(self, title: str) -> None:
        """Until the session manager knows the camera: it marks the default one with a star."""

        def is_listed() -> bool:
            done = subprocess.run(
                ["wpctl", "status"], env=self.environ, capture_output=True, text=True, check=False
            )
            return re.search(rf"\*\s+\d+\. {title}\b", done.stdout) is not None

        self.wait_for(is_listed, f"{title} in wpctl's list")

    def stop_pipewire(self) -> None:
        number = int((self._folder / "pipewire.pid").read_text())
        os.kill(number, signal.SIGTERM)
        self.wait_for(lambda: not (self._folder / "pipewire-0").exists(), "PipeWire's end")

    def close(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(120)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        self._process.wait(120)


@pytest.fixture
def session() -> Iterator[Session]:
    # A socket's path must be short, which pytest's own folders are not.
    with tempfile.TemporaryDirectory(prefix="mattecam-", ignore_cleanup_errors=True) as name:
        opened = Session(Path(name))
        try:
            yield opened
        finally:
            opened.close()


def picture(index: int) -> npt.NDArray[np.uint8]:
    width, height = SIZE
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = GREEN
    at = index * STEP % (width - BAR)
    rgb[:, at : at + BAR] = RED
    return rgb


class Publisher:
    """Writes the moving picture at its rate in a thread, as the pipeline does."""

    def __init__(self, output: PipeWireCamera) -> None:
        self._output = output
        self._stop = threading.Event()
        self.error: Exception | None = None
        self.failed = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        index = 0
        try:
            while not self._stop.is_set():
                self._output.write(picture(index), time.monotonic())
                failure = self._output.failure()
                if failure is not None:
                    raise OutputLost(failure)
                index += 1
                self._stop.wait(max(0.0, began + index / RATE - time.monotonic()))
        except OutputError as error:
            self.error = error
            self.failed.set()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(LONG)
        assert not self._thread.is_alive()


def read_back(
    environ: Mapping[str, str], count: int, *, name: str = "mattecam"
) -> list[npt.NDArray[np.uint8]]:
    """Pictures that an independent program gets from the camera, converted to RGB by it."""
    # The caps say what comes only if that is what was sent: nothing there scales.
    width, height = SIZE
    command = [
        "gst-launch-1.0",
        "-q",
        *("pipewiresrc", f"target-object={name}", f"num-buffers={count}", "!"),
        *(f"video/x-raw,format=I420,width={width},height={height},framerate=30/1", "!"),
        *("videoconvert", "!", "video/x-raw,format=RGB", "!", "fdsink", "fd=1", "sync=false"),
    ]
    done = subprocess.run(
        command, env=dict(environ), capture_output=True, timeout=LONG * 2, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    pictures = np.frombuffer(done.stdout, np.uint8)
    assert pictures.size % (width * height * 3) == 0
    return list(pictures.reshape(-1, height, width, 3))


def bar_position(rgb: npt.NDArray[np.uint8]) -> int:
    """The bar's left edge; -1 where there is none."""
    reddish = rgb[:, :, 0].astype(int).mean(axis=0) > 125
    return int(np.argmax(reddish)) if reddish.any() else -1


def test_another_program_reads_what_is_published(session: Session) -> None:
    output = PipeWireCamera(PipeWireCamera.Options(), environ=session.environ)
    output.open(FORM)
    publisher = Publisher(output)
    try:
        session.wait_for_camera("Mattecam")
        # A reader that comes and goes, and one that comes later, get it alike.
        first = read_back(session.environ, 10)
        second = read_back(session.environ, 60)
    finally:
        publisher.close()
        output.close()
    assert publisher.error is None
    assert len(first) == 10
    assert len(second) == 60
    for rgb in (*first, *second):
        at = bar_position(rgb)
        inside = rgb[:, at + 4 : at + BAR - 4].reshape(-1, 3).mean(axis=0)
        right = rgb[:, at + BAR + 4 :] if at < SIZE[0] // 2 else rgb[:, : at - 4]
        outside = right.reshape(-1, 3).mean(axis=0)
        assert np.abs(inside - RED).max() < 8, inside
        assert np.abs(outside - GREEN).max() < 8, outside
    # It moves on: nothing is repeated for long, nothing runs backwards but at the turn.
    positions = [bar_position(rgb) for rgb in second]
    assert len(set(positions)) > 30
    travel = sum((now - before) % (SIZE[0] - BAR) for before, now in itertools.pairwise(positions))
    # 59 intervals of one step each, or more where a busy machine dropped pictures.
    assert travel >= 40 * STEP


def test_nobody_has_to_look_and_ending_leaves_no_process(session: Session) -> None:
    output = PipeWireCamera(PipeWireCamera.Options(name="second-camera"), environ=session.environ)
    output.open(FORM)
    child = output._child
    assert child is not None
    # Far more than the pipe holds: with no reader at all nothing blocks.
    for index in range(120):
        output.write(picture(index), time.monotonic())
    assert output.failure() is None
    output.close()
    assert child.returncode == 0
    assert not Path(f"/proc/{child.pid}").exists()
    output.close()


def test_a_stopped_pipewire_is_noticed_and_a_new_one_is_used(session: Session) -> None:
    output = PipeWireCamera(PipeWireCamera.Options(), environ=session.environ)
    output.open(FORM)
    publisher = Publisher(output)
    session.stop_pipewire()
    assert publisher.failed.wait(LONG)
    publisher.close()
    assert isinstance(publisher.error, OutputLost)
    assert "PipeWire was stopped; start it again" in str(publisher.error)
    output.close()
    with pytest.raises(OutputLost, match="PipeWire is not running"):
        output.open(FORM)
    output.close()

    again = subprocess.Popen(["pipewire"], env=session.environ, stdin=subprocess.DEVNULL)
    try:
        folder = Path(session.environ["XDG_RUNTIME_DIR"])
        session.wait_for((folder / "pipewire-0").is_socket, "PipeWire's socket")
        output.open(FORM)
        output.write(picture(0), time.monotonic())
        assert output.failure() is None
        output.close()
    finally:
        again.terminate()
        again.wait(LONG)


def test_without_pipewire_it_says_how_to_start_it(tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "PIPEWIRE_REMOTE": ""}
    output = PipeWireCamera(PipeWireCamera.Options(), environ=environ)
    with pytest.raises(OutputError, match="systemctl --user start pipewire") as caught:
        output.open(FORM)
    assert not isinstance(caught.value, OutputLost)
    output.close()


def test_the_commands_are_those_of_this_machine() -> None:
    assert pipewire.missing_programs() is None
