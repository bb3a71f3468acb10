"""The PipeWire camera with a scripted child in GStreamer's place: what it does when it fails."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from app.errors import OptionError, OutputError, OutputLost
from app.outputs.live_base import LiveFormat, create_live_output
from app.outputs.pipewire import PipeWireCamera, gst_command, socket_path

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PipeWire is on Linux only"),
    pytest.mark.timeout(60),
]

FORM = LiveFormat((64, 48), 30.0)
PICTURE_BYTES = 64 * 48 * 3 // 2
LONG = 120.0

GOOD_START = "print('Pipeline is PREROLLING ...', flush=True)\n"
READ_ALL = f"""
import sys
count = 0
while True:
    block = sys.stdin.buffer.read({PICTURE_BYTES})
    if not block:
        break
    assert len(block) == {PICTURE_BYTES}, len(block)
    count += 1
    if '--save' in sys.argv:
        open(sys.argv[-1], 'ab').write(block)
"""


@pytest.fixture
def environ() -> Iterator[Mapping[str, str]]:
    """A session in which something listens where PipeWire would."""
    with tempfile.TemporaryDirectory(prefix="mattecam-") as folder:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(f"{folder}/pipewire-0")
        listener.listen()
        with listener:
            yield {**os.environ, "XDG_RUNTIME_DIR": folder, "PIPEWIRE_REMOTE": ""}


Make = Callable[..., PipeWireCamera]


@pytest.fixture
def make(environ: Mapping[str, str]) -> Iterator[Make]:
    made = []

    def one(program: str, *arguments: str) -> PipeWireCamera:
        def command(name: str, form: LiveFormat) -> Sequence[str]:
            return [sys.executable, "-c", program, *arguments]

        output = PipeWireCamera(PipeWireCamera.Options(), command=command, environ=environ)
        made.append(output)
        return output

    yield one
    for output in made:
        output.close()


def picture(value: int = 0) -> npt.NDArray[np.uint8]:
    return np.full((48, 64, 3), value, np.uint8)


def test_the_child_gets_whole_pictures_in_i420(make: Make, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    output = make(GOOD_START + READ_ALL, "--save", str(saved))
    output.open(FORM)
    rgb = picture()
    rgb[:, :, 0] = 255
    output.write(rgb, 0.0)
    output.write(picture(255), 0.0)
    assert output.failure() is None
    output.close()
    red, white = np.fromfile(saved, np.uint8).reshape(2, 72, 64)
    # BT.601, limited range.
    assert (red[:48] == 82).all()
    assert (red[48:60] == 90).all()
    assert (red[60:] == 240).all()
    assert (white[:48] == 235).all()
    assert (white[48:] == 128).all()


def test_a_missing_element_names_the_package(make: Make) -> None:
    output = make(
        "print('WARNING: erroneous pipeline: no element \"pipewiresink\"'); raise SystemExit(1)"
    )
    with pytest.raises(OutputError, match=r"apt-get install gstreamer1\.0-pipewire") as caught:
        output.open(FORM)
    assert not isinstance(caught.value, OutputLost)


def test_a_refused_connection_says_what_to_restart(make: Make) -> None:
    output = make(
        "print('ERROR: from element /GstPipeline:p/GstPipeWireSink:s: Failed to connect')"
    )
    with pytest.raises(OutputError, match="PipeWire does not answer; run: systemctl --user"):
        output.open(FORM)


def test_a_child_that_dies_is_told_with_its_own_reason_and_can_be_started_again(
    make: Make, tmp_path: Path
) -> None:
    again = tmp_path / "second time"
    dies_once = (
        "import sys, os\n"
        f"again = {str(again)!r}\n"
        "if not os.path.exists(again):\n"
        "    open(again, 'w').close()\n"
        f"    sys.stdin.buffer.read({PICTURE_BYTES})\n"
        "    print('ERROR: from element /GstPipeline:p/s: Stream error: the roof fell in')\n"
        "    sys.exit(1)\n"
    )
    output = make(GOOD_START + dies_once + READ_ALL)
    output.open(FORM)
    child = output._child
    assert child is not None
    reason = None
    with pytest.raises(OutputLost, match="ended: Stream error: the roof fell in"):  # noqa: PT012
        for _ in range(10_000):
            output.write(picture(), 0.0)
            reason = output.failure()
            if reason is not None:
                raise OutputLost(reason)
    output.close()
    assert child.returncode == 1
    output.open(FORM)
    output.write(picture(), 0.0)
    assert output.failure() is None


def test_a_child_that_is_there_no_more_at_the_second_start_is_lost_for_now_only(
    make: Make, environ: Mapping[str, str]
) -> None:
    output = make(GOOD_START + READ_ALL)
    output.open(FORM)
    output.close()
    Path(environ["XDG_RUNTIME_DIR"], "pipewire-0").unlink()
    with pytest.raises(OutputLost, match="PipeWire is not running"):
        output.open(FORM)


def test_a_write_that_is_stuck_can_be_interrupted_and_the_child_is_ended_by_force(
    make: Make,
) -> None:
    # It takes nothing, and neither its input's end nor a polite signal moves it.
    output = make(
        "import signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + GOOD_START + "signal.pause()\n"
    )
    output._STUCK = LONG * 3
    output._END = 0.05
    output.open(FORM)
    child = output._child
    assert child is not None
    stuck = threading.Event()

    def write_for_ever() -> None:
        while not output._interrupted:
            output.write(picture(), 0.0)
        stuck.set()

    thread = threading.Thread(target=write_for_ever)
    thread.start()
    output.interrupt()
    assert stuck.wait(LONG)
    thread.join(LONG)
    output.close()
    assert child.returncode == -9


def test_a_child_that_takes_nothing_any_more_is_lost(make: Make) -> None:
    output = make("import signal\n" + GOOD_START + "signal.pause()\n")
    output._STUCK = 0.05
    output.open(FORM)
    with pytest.raises(OutputLost, match="takes no more pictures"):  # noqa: PT012
        for _ in range(10_000):
            output.write(picture(), 0.0)


def test_a_child_that_never_stops_talking_is_listened_to(make: Make) -> None:
    talk = (
        "import sys\n"
        f"while sys.stdin.buffer.read({PICTURE_BYTES}):\n"
        "    sys.stdout.write('WARNING: talk\\n' * 10_000)\n"
        "    sys.stdout.flush()\n"
    )
    output = make(GOOD_START + talk)
    output.open(FORM)
    child = output._child
    assert child is not None
    # Each picture makes it say more than a pipe holds; unread, it would block and so would we.
    for _ in range(30):
        output.write(picture(), 0.0)
    assert len(output._said) <= 40
    output.close()
    assert child.returncode == 0


def test_a_start_can_be_interrupted(make: Make) -> None:
    output = make("import signal\nsignal.pause()\n")
    output._START = LONG * 3
    opened = threading.Event()

    def open_it() -> None:
        output.open(FORM)
        opened.set()

    thread = threading.Thread(target=open_it)
    thread.start()
    while not opened.wait(0.01):
        output.interrupt()
    thread.join(LONG)
    output.write(picture(), 0.0)  # does nothing, and does not wait


def test_interrupting_what_is_not_open_is_harmless(make: Make) -> None:
    output = make("")
    output.interrupt()
    output.close()
    assert output.failure() is None


@pytest.mark.parametrize("name", ["", "two words", 'a"b', "x" * 65, "a,b=c", "-dash"])
def test_a_name_that_pipewire_could_not_carry_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="at most 64 letters"):
        PipeWireCamera(PipeWireCamera.Options(name=name))


def test_it_is_called_mattecam_unless_told_otherwise() -> None:
    assert "mattecam" in create_live_output("pipewire").description
    assert "studio" in create_live_output("pipewire:studio").description


def test_the_command_says_size_rate_and_name() -> None:
    command = gst_command("studio", LiveFormat((1280, 720), 29.97))
    assert {"width=1280", "height=720", "format=i420"} <= set(command)
    assert "framerate=2997/100" in command
    assert any('node.name="studio"' in part for part in command)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_RUNTIME_DIR": "/run/user/1"}, "/run/user/1/pipewire-0"),
        ({"XDG_RUNTIME_DIR": "/a", "PIPEWIRE_RUNTIME_DIR": "/b"}, "/b/pipewire-0"),
        ({"XDG_RUNTIME_DIR": "/a", "PIPEWIRE_REMOTE": "other"}, "/a/other"),
        ({"PIPEWIRE_REMOTE": "/somewhere/else"}, "/somewhere/else"),
    ],
)
def test_pipewires_socket_is_where_its_own_programs_look(
    environ: dict[str, str], path: str
) -> None:
    assert socket_path(environ) == Path(path)
    assert socket_path({}) is None
