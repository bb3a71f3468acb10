"""The camera: OpenCV's drivers, with an eye on what goes wrong with real devices."""

from __future__ import annotations

import logging
import re
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from app.errors import MattecamError, OptionError, SourceLost
from app.frames import RGB, Frame
from app.pool import PicturePool
from app.registry import option
from app.runtime.mailbox import Mailbox, Wake
from app.runtime.stage import Worker
from app.sources.devices import (
    COMPRESSED,
    UNCOMPRESSED,
    CameraFormat,
    CameraInfo,
    CameraList,
    find_camera,
    system_cameras,
    unplugged,
)
from app.sources.live_base import LiveSource, Silence, live_sources

if TYPE_CHECKING:
    import cv2

log = logging.getLogger(__name__)

# uint8 as OpenCV gives it: (H, W, 3) BGR, (H, W, 4) BGRA or (H, W) grey.
Raw = npt.NDArray[np.uint8]

_PREFERRED_SIZE = (1280, 720)
_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
_ENOUGH = 0.99  # 29.97 pictures a second are as good as 30


@dataclass(frozen=True)
class Mode:
    """What a camera is asked for. size: (width, height). pixel_format: None leaves it to it."""

    size: tuple[int, int]
    rate: float
    pixel_format: str | None = None


class Capture(Protocol):
    """An open camera. Everything is called from one thread."""

    mode: Mode  # what was really agreed; the rate is 0 where the driver does not know

    def read(self) -> tuple[Raw, float] | None:
        """The next picture, and when it was taken on time.monotonic()'s clock; waits for it.

        None where the driver has failed. The pixels are never written to again.
        """

    def release(self) -> None: ...


OpenCapture = Callable[[CameraInfo, Mode], "Capture | None"]


@dataclass(frozen=True)
class Limits:
    """Seconds, after which a camera counts as lost.

    A camera may take long for its first picture. Black and frozen: for how long it must last.
    """

    opening: float = 20.0
    first_picture: float = 10.0
    next_picture: float = 3.0
    black: float = 4.0
    frozen: float = 5.0
    closing: float = 1.0


def choose_mode(
    formats: Sequence[CameraFormat],
    *,
    size: tuple[int, int] | None,
    rate: float,
    pixel_format: str | None = None,
) -> Mode:
    """The best of what a camera offers.

    size: None is 1280x720, or the largest below it that has the rate, where that one has not. A
    size that is not offered becomes the next larger, else the largest. An uncompressed format is
    taken where it gives the rate, for it needs no decoding; else MJPG where that is faster. Without
    `formats` what is wanted is asked for, and the camera decides.
    """
    known = [item for item in formats if item.pixel_format in UNCOMPRESSED + COMPRESSED]
    if pixel_format is not None:
        known = [item for item in known if item.pixel_format == pixel_format] or known
    if not known:
        return Mode(size or _PREFERRED_SIZE, rate, pixel_format)
    chosen = _fitting_size(known, size or _PREFERRED_SIZE)
    if size is None and _fastest(known, chosen, rate) < _ENOUGH * rate:
        smaller = {
            item.size
            for item in known
            if item.size[0] <= chosen[0]
            and item.size[1] <= chosen[1]
            and _fastest(known, item.size, rate) >= _ENOUGH * rate
        }
        chosen = max(smaller, key=_area, default=chosen)

    def merit(item: CameraFormat) -> tuple[float, int]:
        order = (*UNCOMPRESSED, *COMPRESSED)
        reached = _rate_near(item, rate)
        enough = rate if reached >= _ENOUGH * rate else reached
        return enough, -order.index(item.pixel_format)

    best = max((item for item in known if item.size == chosen), key=merit)
    return Mode(chosen, _rate_near(best, rate), best.pixel_format)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _fitting_size(formats: Sequence[CameraFormat], wanted: tuple[int, int]) -> tuple[int, int]:
    sizes = {item.size for item in formats}
    larger = [size for size in sizes if size[0] >= wanted[0] and size[1] >= wanted[1]]
    return min(larger, key=_area) if larger else max(sizes, key=_area)


def _rate_near(item: CameraFormat, wanted: float) -> float:
    """The lowest rate that is enough, else the highest."""
    if not item.rates:
        return wanted
    enough = [rate for rate in item.rates if rate >= _ENOUGH * wanted]
    return min(enough) if enough else max(item.rates)


def _fastest(formats: Sequence[CameraFormat], size: tuple[int, int], wanted: float) -> float:
    return max(_rate_near(item, wanted) for item in formats if item.size == size)


class OpenCVCapture:
    """One open cv2.VideoCapture. `steady`: its own times are time.monotonic()'s (V4L2)."""

    # A picture that is older than this did not wait in the driver: the driver's clock is another.
    _OLDEST = 1.0

    def __init__(self, capture: cv2.VideoCapture, mode: Mode, *, steady: bool) -> None:
        self._capture = capture
        self._steady = steady
        self.mode = mode

    def read(self) -> tuple[Raw, float] | None:
        import cv2

        good, picture = self._capture.read()
        now = time.monotonic()
        if not good or picture is None or not picture.size:
            return None
        taken = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if self._steady else now
        if not now - self._OLDEST < taken <= now:
            taken = now
        return np.asarray(picture, dtype=np.uint8), taken

    def release(self) -> None:
        self._capture.release()


def open_with_opencv(camera: CameraInfo, mode: Mode) -> OpenCVCapture | None:
    """None where the driver refuses; it does not say why."""
    import cv2

    apis = {
        "v4l2": cv2.CAP_V4L2,
        "dshow": cv2.CAP_DSHOW,
        "msmf": cv2.CAP_MSMF,
        "avfoundation": cv2.CAP_AVFOUNDATION,
    }
    # OpenCV would print a warning of its own for each try.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    capture = cv2.VideoCapture()
    if camera.api == "v4l2":
        opened = capture.open(camera.path, apis["v4l2"])
    else:
        opened = capture.open(int(camera.id.removeprefix("msmf")), apis[camera.api])
    if not opened:
        capture.release()
        return None
    pixel_format = mode.pixel_format
    if pixel_format is None and camera.api == "dshow":
        # DirectShow does not list formats here; uncompressed HD does not fit through USB 2.
        pixel_format = "MJPG"
    if pixel_format is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*pixel_format.ljust(4)))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.size[1])
    capture.set(cv2.CAP_PROP_FPS, mode.rate)
    # With a single buffer the driver has none to fill while this one is decoded, which halves the
    # rate; pictures do not pile up in two, for the reader never stops reading.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)
    return OpenCVCapture(capture, _agreed(capture, pixel_format), steady=camera.api == "v4l2")


def _agreed(capture: cv2.VideoCapture, asked: str | None) -> Mode:
    import cv2

    size = (
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    letters = code.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ")
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    return Mode(size, rate if 0 < rate < 1000 else 0.0, letters if letters.isalnum() else asked)


@dataclass(frozen=True)
class _Taken:
    raw: Raw
    captured_at: float


class _Reader:
    """The thread in which the driver is opened, read and released.

    The driver may block for ever; whoever waits for pictures must not, and waits at the mailbox.
    """

    # How long after a failed read the next is tried; a device that is gone fails at once.
    _PAUSE = 0.02

    def __init__(
        self,
        camera: CameraInfo,
        mode: Mode,
        *,
        open_capture: OpenCapture,
        is_there: Callable[[CameraInfo], bool],
    ) -> None:
        self.camera = camera
        self.pictures: Mailbox[_Taken] = Mailbox(1)
        self.mode: Mode | None = None  # once it is open
        self.error: Exception | None = None
        self._wanted = mode
        self._open_capture = open_capture
        self._is_there = is_there
        self._changed = threading.Condition()
        self._stopped = False
        self._ended = False
        self._worker = Worker(f"camera {camera.id}", self._run, self._end)

    def start(self) -> None:
        self._worker.start()

    def wait_until_open(self, seconds: float) -> bool:
        """Whether it is open; False where it ended, was stopped, or took too long."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.mode is not None or self._ended or self._stopped, seconds
            )
            return self.mode is not None

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self.pictures.close(discard=True)

    @property
    def stopped(self) -> bool:
        with self._changed:
            return self._stopped

    def join(self, seconds: float) -> bool:
        """Whether the thread has ended; the driver may keep it."""
        return self._worker.join(time.monotonic() + seconds)

    def _run(self) -> None:
        capture = self._open_capture(self.camera, self._wanted)
        if capture is None:
            return
        try:
            with self._changed:
                self.mode = capture.mode
                self._changed.notify_all()
            self._read(capture)
        finally:
            capture.release()

    def _read(self, capture: Capture) -> None:
        while not self.stopped:
            got = capture.read()
            if got is not None:
                self.pictures.put(_Taken(*got))
            # A driver may give its last picture again and again after an unplug.
            if (got is None or self.camera.api == "v4l2") and not self._is_there(self.camera):
                raise SourceLost(unplugged(self.camera))
            if got is None:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, self._PAUSE)

    def _end(self, error: Exception | None) -> None:
        with self._changed:
            self.error = error
            self._ended = True
            self._changed.notify_all()
        self.pictures.close()


class _Judge:
    """Recognises pictures that show nothing: black ones, and the same one again and again."""

    # A covered lens is not quite black: automatic gain brings out the sensor's noise.
    _DARK_MEAN = 8.0
    _DARK_MOST = 40.0  # what 99 of 100 pixels stay below
    _GRID = 90  # about this many rows of the picture are looked at

    def __init__(self, camera: CameraInfo, limits: Limits) -> None:
        self._camera = camera
        self._limits = limits
        self._dark_since: float | None = None
        self._same_since: float | None = None
        self._fingerprint: int | None = None

    def check(self, raw: Raw, at: float) -> None:
        """Raises SourceLost where it has lasted too long."""
        # A program's picture may be black or still for as long as it likes.
        if self._camera.virtual:
            return
        step = max(1, raw.shape[0] // self._GRID)
        sample = np.ascontiguousarray(raw[::step, ::step])
        name = self._camera.name
        dark = sample.mean() < self._DARK_MEAN and np.percentile(sample, 99) < self._DARK_MOST
        if not dark:
            self._dark_since = None
        elif self._dark_since is None:
            self._dark_since = at
        elif at - self._dark_since >= self._limits.black:
            raise SourceLost(
                f"{name} gives only black pictures; open its shutter, or take off its cover."
            )
        fingerprint = zlib.crc32(sample.tobytes())
        if fingerprint != self._fingerprint or self._same_since is None:
            self._fingerprint, self._same_since = fingerprint, at
        elif not dark and at - self._same_since >= self._limits.frozen:
            raise SourceLost(
                f"{name} is frozen: it gives the same picture again and again. "
                "Unplug it and plug it in again."
            )


@live_sources.register("camera", title="Camera")
class Camera(LiveSource):
    """A camera that is plugged in, built in, or made by another program."""

    silence = Silence(
        "The camera has given no picture for some seconds.",
        "If it does not come back, unplug it and plug it in again, or choose it again.",
    )

    @dataclass(frozen=True)
    class Options:
        device: str = option(
            "", "Camera", "Its number, its name or its path; the first one unless you say"
        )
        size: str = option(
            "auto", "Size", "As in 1920x1080; auto is 1280x720 where that has the full rate"
        )
        fps: float = option(
            30.0, "Pictures a second", "The nearest that the camera has", minimum=1, maximum=240
        )
        pixel_format: Literal["auto", "mjpg", "yuyv", "nv12"] = option(
            "auto",
            "Pixel format",
            "How pictures come through the cable; auto is what gives the rate",
        )

    def __init__(
        self,
        options: Options,
        *,
        cameras: CameraList | None = None,
        open_capture: OpenCapture = open_with_opencv,
        limits: Limits | None = None,
    ) -> None:
        self._options = options
        self._size = _parse_size(options.size)
        self._cameras = system_cameras() if cameras is None else cameras
        self._open_capture = open_capture
        self._limits = Limits() if limits is None else limits
        self._reader: _Reader | None = None
        self._judge: _Judge | None = None
        self._interrupted = threading.Event()
        self._index = 0
        self._captured_at = 0.0
        self._last = 0.0  # when the last picture came, or the camera was opened
        self._pool = PicturePool()

    @property
    def description(self) -> str:
        reader = self._reader
        if reader is None or reader.mode is None:
            return self._options.device or "camera"
        (width, height), rate = reader.mode.size, reader.mode.rate
        parts = [reader.camera.name, f"{width}x{height}"]
        if rate:
            parts.append(f"{rate:.4g} fps")
        if reader.mode.pixel_format:
            parts.append(reader.mode.pixel_format)
        return ", ".join(parts)

    @property
    def rate(self) -> float | None:
        reader = self._reader
        return None if reader is None or reader.mode is None else reader.mode.rate or None

    def open(self) -> None:
        self._interrupted.clear()
        self.close()
        if self._reader is not None:
            # Its driver still holds the thread: a second one at the same device would be lost too.
            raise SourceLost(
                f"{self._reader.camera.name} does not answer; unplug it and plug it in again."
            )
        camera = find_camera(self._options.device, self._cameras.cameras())
        if camera.problem is not None:
            raise SourceLost(camera.problem)
        chosen = self._options.pixel_format
        mode = choose_mode(
            camera.formats,
            size=self._size,
            rate=self._options.fps,
            pixel_format=None if chosen == "auto" else chosen.upper(),
        )
        reader = _Reader(
            camera, mode, open_capture=self._open_capture, is_there=self._cameras.is_there
        )
        self._reader = reader
        self._judge = _Judge(camera, self._limits)
        self._index = 0
        reader.start()
        # `interrupt` may have come before there was a reader to stop.
        if self._interrupted.is_set():
            reader.stop()
        if not reader.wait_until_open(self._limits.opening) and not self._interrupted.is_set():
            raise self._lost(reader)
        self._last = time.monotonic()

    def read(self) -> Frame | None:
        reader = self._reader
        if reader is None or self._judge is None:
            raise RuntimeError("read() was called before open()")
        limits = self._limits
        patience = limits.next_picture if self._index else limits.first_picture
        taken = reader.pictures.take(until=self._last + patience)
        if self._interrupted.is_set():
            return None
        if isinstance(taken, Wake):
            raise self._lost(reader)
        self._last = time.monotonic()
        self._judge.check(taken.raw, taken.captured_at)
        # It grows also where the driver's clock is taken for some pictures and ours for others.
        self._captured_at = max(taken.captured_at, self._captured_at + 1e-6)
        frame = Frame(_to_rgb(taken.raw, self._pool), self._index, self._captured_at)
        self._index += 1
        return frame

    def interrupt(self) -> None:
        self._interrupted.set()
        reader = self._reader
        if reader is not None:
            reader.stop()

    def close(self) -> None:
        reader = self._reader
        if reader is None:
            return
        reader.stop()
        if reader.join(self._limits.closing):
            self._reader = None
        else:
            log.warning("The driver of %s does not return; its thread is left.", reader.camera.name)

    def _lost(self, reader: _Reader) -> MattecamError:
        """Why the reader gives nothing, as an exception to raise."""
        error = reader.error
        if isinstance(error, MattecamError):
            return error
        if error is not None:
            lost = SourceLost(
                f"The driver of {reader.camera.name} failed ({error}); "
                "unplug the camera and plug it in again."
            )
            lost.__cause__ = error
            return lost
        if not self._cameras.is_there(reader.camera):
            return SourceLost(unplugged(reader.camera))
        return SourceLost(self._cameras.trouble(reader.camera))


def _parse_size(text: str) -> tuple[int, int] | None:
    if text == "auto":
        return None
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None:
        raise OptionError(f"camera: size is {text!r}; it must be auto or as in 1280x720.")
    return int(found[1]), int(found[2])


def _to_rgb(raw: Raw, pool: PicturePool) -> RGB:
    import cv2

    codes: dict[Any, int] = {
        2: cv2.COLOR_GRAY2RGB,
        3: cv2.COLOR_BGR2RGB,
        4: cv2.COLOR_BGRA2RGB,
    }
    channels = 2 if raw.ndim == 2 or raw.shape[2] == 1 else raw.shape[2]
    rgb = pool.rgb((raw.shape[1], raw.shape[0]))
    cv2.cvtColor(raw, codes[channels], dst=rgb)
    return rgb
