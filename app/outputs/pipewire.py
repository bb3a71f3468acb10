"""A camera for PipeWire, on Linux: no kernel module, seen by OBS, Firefox and Chromium.

GStreamer's Python bindings cannot be imported in a virtual environment, so pictures go to a child
`gst-launch-1.0` through its standard input.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from app.errors import OptionError, OutputError, OutputLost
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput, live_outputs
from app.registry import option

LAUNCHER = "gst-launch-1.0"
PACKAGES = "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-pipewire"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PACKAGE_OF = {"pipewiresink": "gstreamer1.0-pipewire"}
_MISSING_ELEMENT = re.compile(r'no (?:such )?element (?:factory )?"([^"]+)"', re.IGNORECASE)
_ERROR = re.compile(r"(?:ERROR: from element \S+|WARNING: erroneous pipeline): (.+)")
_PIPE_BYTES = 1 << 20


def socket_path(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where PipeWire listens, or would; None where this session has no place for it."""
    remote = environ.get("PIPEWIRE_REMOTE") or "pipewire-0"
    if remote.startswith("/"):
        return Path(remote)
    for variable in ("PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"):
        if folder := environ.get(variable):
            return Path(folder) / remote
    return None


def gst_command(name: str, form: LiveFormat) -> Sequence[str]:
    """The child: reads I420 pictures from its standard input, publishes them as `name`."""
    width, height = form.size
    rate = Fraction(form.rate).limit_denominator(1001)
    title = "Mattecam" if name == "mattecam" else name
    return [
        LAUNCHER,
        # Without its own handler a crash ends it, instead of "spinning" for a debugger.
        "--no-fault",
        *("fdsrc", "fd=0", f"blocksize={_picture_bytes(form.size)}", "!"),
        *("rawvideoparse", "use-sink-caps=false", "format=i420"),
        *(f"width={width}", f"height={height}"),
        *(f"framerate={rate.numerator}/{rate.denominator}", "colorimetry=bt601", "!"),
        # The sink takes nothing while nobody looks; the newest picture waits for the next reader.
        *("queue", "leaky=downstream", "max-size-buffers=1"),
        *("max-size-bytes=0", "max-size-time=0", "!"),
        # The sink's own buffers are not always memory that can be written (PipeWire 0.3.65
        # crashes): let it copy.
        *("identity", "drop-allocation=true", "!"),
        *("pipewiresink", "mode=provide", "sync=false", "client-name=mattecam"),
        f'stream-properties=properties,media.class="Video/Source",media.role="Camera",'
        f'node.name="{name}",node.description="{title}"',
    ]


def _picture_bytes(size: tuple[int, int]) -> int:
    return size[0] * size[1] * 3 // 2


@live_outputs.register("pipewire", title="PipeWire camera")
class PipeWireCamera(LiveOutput):
    """A camera in PipeWire, for OBS, Firefox and Chromium on Linux; it needs no kernel module."""

    @dataclass(frozen=True)
    class Options:
        name: str = option("mattecam", "Name", "What other programs call the camera")

    # Seconds.
    _START = 10.0
    _STUCK = 5.0
    _END = 1.0

    def __init__(
        self,
        options: Options,
        *,
        command: Callable[[str, LiveFormat], Sequence[str]] = gst_command,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        if not _NAME.fullmatch(options.name):
            raise OptionError(
                f"pipewire: name is {options.name!r}; it must be at most 64 letters, digits, ., _ "
                "and -, without spaces."
            )
        self._name = options.name
        self._command = command
        self._environ = environ
        self._child: subprocess.Popen[bytes] | None = None
        self._daemon: socket.socket | None = None
        self._size = (0, 0)
        self._said: deque[str] = deque(maxlen=40)  # the child's last lines
        self._rest = ""  # of a line that has not ended yet
        self._was_open = False
        self._lock = threading.Lock()
        self._interrupted = False
        self._waker: int | None = None  # the end of a pipe that `interrupt` writes to
        self._ear: int | None = None  # its other end

    @staticmethod
    def unavailable_because() -> str | None:
        if not sys.platform.startswith("linux"):
            return "PipeWire is on Linux only; use the virtual camera."
        return missing_programs() or _not_running(os.environ)

    @property
    def description(self) -> str:
        return f"PipeWire camera {self._name!r}"

    def open(self, form: LiveFormat) -> None:
        self.close()
        reason = missing_programs() if self._command is gst_command else None
        if reason is not None:
            raise OutputError(reason)
        reason = _not_running(self._environ)
        if reason is not None:
            raise self._refusal(reason)
        self._size = form.size
        self._said.clear()
        self._rest = ""
        with self._lock:
            self._interrupted = False
            self._ear, self._waker = os.pipe()
        try:
            self._daemon = self._connect()
            self._child = subprocess.Popen(
                self._command(self._name, form),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**self._environ, "LC_ALL": "C", "LANGUAGE": "C"},
                # Ctrl-C is for us: we end the child in order.
                start_new_session=True,
            )
        except OSError as error:
            raise self._refusal(
                f"The PipeWire camera did not start ({error.strerror}); run: python main.py doctor"
            ) from error
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        os.set_blocking(self._child.stdout.fileno(), False)
        _widen(self._child.stdin.fileno())
        self._wait_for_start()
        self._was_open = True

    def write(self, picture: Picture, captured_at: float) -> None:
        import cv2

        child = self._child
        if child is None or child.stdin is None or self._interrupted:
            return
        # BT.601, limited range: what cameras send, and what call programs take I420 to be.
        coded = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)
        left = np.ascontiguousarray(coded).data.cast("B")
        until = time.monotonic() + self._STUCK
        while left:
            if not self._wait(child, until, to_write=True):
                return  # interrupted: what follows is `close`, the torn picture is never seen
            try:
                left = left[os.write(child.stdin.fileno(), left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._death(child) from None
        self._drain(child)

    def failure(self) -> str | None:
        # GStreamer does not notice when PipeWire is stopped; the connection of our own does.
        if self._daemon is not None and _is_hung_up(self._daemon):
            return "PipeWire was stopped; start it again: systemctl --user start pipewire"
        child = self._child
        if child is not None and child.poll() is not None:
            return str(self._death(child))
        return None

    def interrupt(self) -> None:
        with self._lock:
            self._interrupted = True
            if self._waker is not None:
                os.write(self._waker, b"x")

    def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            self._end(child)
        if self._daemon is not None:
            self._daemon.close()
            self._daemon = None
        with self._lock:
            for descriptor in (self._ear, self._waker):
                if descriptor is not None:
                    os.close(descriptor)
            self._ear = self._waker = None

    def _connect(self) -> socket.socket:
        path = socket_path(self._environ)
        assert path is not None  # or _not_running would have told
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            daemon.connect(str(path))
        except OSError:
            daemon.close()
            raise
        return daemon

    def _wait_for_start(self) -> None:
        """Raises where the child ends before it waits for pictures, or says nothing at all."""
        child = self._child
        assert child is not None
        until = time.monotonic() + self._START
        while not any("PREROLL" in line for line in self._said):
            if not self._wait(child, until, to_write=False):
                return
            if not self._drain(child):
                raise self._death(child)

    def _wait(self, child: subprocess.Popen[bytes], until: float, *, to_write: bool) -> bool:
        """Waits for the child to take or to say something; False once `interrupt` was called.

        Raises OutputLost where the time is up.
        """
        assert child.stdin is not None
        assert child.stdout is not None
        ear = self._ear
        if ear is None:
            return False
        poll = select.poll()
        poll.register(ear, select.POLLIN)
        if to_write:
            poll.register(child.stdin, select.POLLOUT)
        else:
            poll.register(child.stdout, select.POLLIN)
        ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if not ready:
            raise OutputLost(
                "The PipeWire camera is stuck: GStreamer takes no more pictures. "
                "It is started again."
            )
        return ear not in (descriptor for descriptor, _ in ready)

    def _drain(self, child: subprocess.Popen[bytes]) -> bool:
        """Reads what the child said, so that it never blocks; False where it has ended."""
        assert child.stdout is not None
        while True:
            try:
                text = os.read(child.stdout.fileno(), 1 << 16)
            except BlockingIOError:
                return True
            if not text:
                return False
            *lines, self._rest = (self._rest + text.decode(errors="replace")).split("\n")
            self._rest = self._rest[-1000:]
            self._said.extend(line.strip() for line in lines if line.strip())

    def _death(self, child: subprocess.Popen[bytes]) -> OutputError:
        """Why the child ended, or closed its input, which it does before its last words."""
        self._wait_for_end(child)
        said = "\n".join([*self._said, self._rest])
        missing = _MISSING_ELEMENT.search(said)
        if missing is not None:
            package = _PACKAGE_OF.get(missing[1], "gstreamer1.0-plugins-base")
            return OutputError(f"GStreamer lacks {missing[1]}; run: sudo apt-get install {package}")
        if "Failed to connect" in said:
            return self._refusal(
                "PipeWire does not answer; run: systemctl --user restart pipewire wireplumber"
            )
        error = _ERROR.search(said)
        reason = error[1].rstrip(". ") if error is not None else "it gave no reason"
        return self._refusal(
            f"GStreamer, which feeds the PipeWire camera, ended: {reason}. "
            "If it stays so, run: python main.py doctor"
        )

    def _refusal(self, sentence: str) -> OutputError:
        """For good at the first start; later only for now, for it did work here."""
        return OutputLost(sentence) if self._was_open else OutputError(sentence)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Has the child end by itself, by a signal, or by force; never leaves a zombie."""
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(OSError):
            child.stdin.close()
        nudges: tuple[Callable[[], object], ...] = (lambda: None, child.terminate, child.kill)
        for nudge in nudges:
            nudge()
            if self._wait_for_end(child):
                break
        else:
            child.wait()  # nothing survives SIGKILL
        child.stdout.close()

    def _wait_for_end(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether it ends soon; it may have to be listened to for that."""
        assert child.stdout is not None
        until = time.monotonic() + self._END
        poll = select.poll()
        poll.register(child.stdout, select.POLLIN)
        while (left := until - time.monotonic()) > 0 and poll.poll(left * 1000):
            if not self._drain(child):
                break
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True


def missing_programs() -> str | None:
    """A sentence with the line that installs what publishing needs, or None."""
    if shutil.which(LAUNCHER) is None:
        return f"{LAUNCHER} is not installed; run: sudo apt-get install {PACKAGES}"
    return None


def _not_running(environ: Mapping[str, str]) -> str | None:
    path = socket_path(environ)
    if path is None or not path.is_socket():
        return (
            "PipeWire is not running in this session; run: systemctl --user start pipewire "
            "wireplumber (Debian, Ubuntu: sudo apt-get install pipewire wireplumber)"
        )
    return None


def _widen(pipe: int) -> None:
    """Fewer round trips for a picture; an unprivileged user may have that much."""
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _is_hung_up(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, 0)  # POLLHUP and POLLERR come unasked
    return bool(poll.poll(0))
