"""Which cameras there are, by the names that people know, and when one comes or goes."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import json
import logging
import os
import select
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from app import v4l2
from app.errors import InputError, MattecamError, SourceLost
from app.runtime.job import Control, Job
from app.v4l2 import CameraFormat

__all__ = [
    "CameraFormat",
    "CameraInfo",
    "CameraList",
    "CameraWatch",
    "find_camera",
    "list_cameras",
    "system_cameras",
    "watch",
]

log = logging.getLogger(__name__)

# What OpenCV reads from V4L2 and is asked for, the least work for the processor first. Not YVYU: it
# accepts that and then raises at each picture.
UNCOMPRESSED = ("NV12", "NV21", "YU12", "YV12", "YUYV", "UYVY", "BGR3", "RGB3", "GREY")
COMPRESSED = ("MJPG", "JPEG")
# What it takes by itself where a device offers none of those.
_ALSO_READ = ("XR24", "AR24", "BA81", "GBRG", "GRBG", "Y16", "Y12", "Y10")

# They open cameras for other programs.
_MIDDLEMEN = ("pipewire", "wireplumber")

Api = Literal["v4l2", "dshow", "msmf", "avfoundation"]


@dataclass(frozen=True)
class CameraInfo:
    """One camera.

    id: what may stand in `camera:ID`; the number in /dev/videoN on Linux.
    name: for people; no two cameras in one list have the same.
    path: the device node, or what the system calls the camera for good.
    formats: what it offers, in its own order; empty where the system does not tell beforehand.
    virtual: whether a program makes its pictures: v4l2loopback, OBS. Still pictures are normal.
    api: through which of the system's interfaces it is opened.
    problem: why it cannot be used now, a sentence with its remedy, where that is known.
    """

    id: str
    name: str
    path: str
    formats: tuple[CameraFormat, ...] = ()
    virtual: bool = False
    api: Api = "v4l2"
    problem: str | None = None


class CameraList(Protocol):
    """What a system knows of its cameras."""

    def cameras(self) -> Sequence[CameraInfo]:
        """All that are there now, the one to use by itself first. May take a second."""

    def is_there(self, camera: CameraInfo) -> bool:
        """Whether it is still plugged in. Quick where that is possible."""

    def trouble(self, camera: CameraInfo) -> str:
        """Why it could not be opened or gives nothing: a sentence with its remedy."""


# ---- Linux --------------------------------------------------------------------------------------


class LinuxCameras:
    """V4L2's devices: names from sysfs, the rest by ioctl."""

    def __init__(
        self,
        *,
        dev: Path = Path("/dev"),
        sysfs: Path = Path("/sys/class/video4linux"),
        proc: Path = Path("/proc"),
        ioctl: v4l2.Ioctl = v4l2.system_ioctl,
    ) -> None:
        self._dev = dev
        self._sysfs = sysfs
        self._proc = proc
        self._ioctl = ioctl

    def cameras(self) -> Sequence[CameraInfo]:
        try:
            nodes = [entry.name for entry in self._sysfs.iterdir()]
        except OSError:
            return []  # no video device was ever plugged in, or a container hides them
        numbers = sorted(int(node[5:]) for node in nodes if _is_video(node))
        found = [camera for number in numbers if (camera := self._camera(number)) is not None]
        return _named_apart(found)

    def is_there(self, camera: CameraInfo) -> bool:
        return os.path.exists(camera.path)

    def trouble(self, camera: CameraInfo) -> str:
        path = Path(camera.path)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
            programs = v4l2.programs_with(path, proc=self._proc)
            ours = any(program.pid == os.getpid() for program in programs)
            busy = not ours and v4l2.streams_elsewhere(path, self._ioctl)
        except OSError as error:
            return _cannot_open(camera, error)
        if busy:
            return _busy(camera, programs)
        if camera.virtual:
            return f"{camera.name} gives no pictures; start the program that feeds it."
        return f"{camera.name} gives no pictures; unplug it and plug it in again."

    def _camera(self, number: int) -> CameraInfo | None:
        """None where this node is none that pictures can be read from, or is just gone."""
        folder = self._sysfs / f"video{number}"
        path = self._dev / f"video{number}"
        camera = CameraInfo(str(number), _tidy(_read(folder / "name")) or path.name, str(path))
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            # A camera's second node, for metadata, must not be listed as a camera that is broken.
            first = _read(folder / "index") in ("", "0")
            if not first or error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
                return None
            return replace(camera, problem=_cannot_open(camera, error))
        try:
            capability = v4l2.capability(descriptor, self._ioctl)
            if not capability.captures:
                return None
            formats = tuple(v4l2.camera_formats(descriptor, self._ioctl))
            return replace(
                camera,
                formats=formats,
                virtual=capability.is_loopback,
                problem=_unreadable(camera, formats),
            )
        except OSError:
            return None  # no video device, or unplugged while it was asked
        finally:
            os.close(descriptor)


def _unreadable(camera: CameraInfo, formats: Sequence[CameraFormat]) -> str | None:
    """Why none of what it offers can be read: depth, thermal, H.264; None where something can."""
    offered = list(dict.fromkeys(item.pixel_format for item in formats))
    if not offered or not {*UNCOMPRESSED, *COMPRESSED, *_ALSO_READ}.isdisjoint(offered):
        return None
    return (
        f"{camera.name} ({camera.path}) gives only {', '.join(offered)}, which Mattecam cannot "
        "read; choose another camera."
    )


def _is_video(node: str) -> bool:
    return node.startswith("video") and node[5:].isdecimal()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _tidy(name: str) -> str:
    """The kernel's "HD Webcam: HD Webcam", cut off after 31 letters, as people would say it."""
    maker, colon, model = name.partition(": ")
    return maker if colon and maker.startswith(model) else name


def _busy(camera: CameraInfo, programs: Sequence[v4l2.Program]) -> str:
    """Names the program, where it is this user's."""
    named = [program for program in programs if program.name not in _MIDDLEMEN]
    if named:
        return f"{camera.name} is in use by {named[0]}; close it there."
    through = ", through PipeWire" if programs else ""
    return f"{camera.name} is in use by another program{through}; close that program."


def _cannot_open(camera: CameraInfo, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"You may not use {camera.name} ({camera.path}). "
            "Run: sudo usermod -aG video $USER, then log out and in again."
        )
    if error.errno == errno.EBUSY:
        return _busy(camera, ())
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return unplugged(camera)
    return f"{camera.name} cannot be opened ({error.strerror}); unplug it and plug it in again."


def unplugged(camera: CameraInfo) -> str:
    if camera.virtual:
        return f"{camera.name} is gone; start the program that makes it again."
    return f"{camera.name} was unplugged; plug it in again."


# ---- Windows ------------------------------------------------------------------------------------


class WindowsCameras:
    """DirectShow's cameras, then those that only Media Foundation knows.

    DirectShow first: it opens in a moment where OpenCV's Media Foundation can take half a minute,
    and it has the virtual cameras. enumerate_cameras: that of the package cv2-enumerate-cameras.
    """

    def __init__(self, enumerate_cameras: Callable[[int], Iterable[Any]] | None = None) -> None:
        self._enumerate = enumerate_cameras

    def cameras(self) -> Sequence[CameraInfo]:
        import cv2

        enumerate_cameras = self._enumerate or _windows_enumerate_cameras()
        found: list[CameraInfo] = []
        seen: set[str] = set()
        apis: tuple[tuple[Api, int, str], ...] = (
            ("dshow", cv2.CAP_DSHOW, ""),
            ("msmf", cv2.CAP_MSMF, "msmf"),
        )
        for api, number, prefix in apis:
            for item in enumerate_cameras(number):
                path = str(item.path or "")
                # Both name the same device, and differ in the interface's GUID at the end.
                device = path.lower().partition("#{")[0] or item.name
                if device not in seen:
                    seen.add(device)
                    virtual = not path or "virtual" in item.name.lower()
                    found.append(
                        CameraInfo(
                            f"{prefix}{item.index}", item.name, path, virtual=virtual, api=api
                        )
                    )
        return _named_apart(found)

    def is_there(self, camera: CameraInfo) -> bool:
        return any(other.path == camera.path for other in self.cameras())

    def trouble(self, camera: CameraInfo) -> str:
        if not self.is_there(camera):
            return unplugged(camera)
        return (
            f"{camera.name} gives no pictures: close other programs that use it, and allow desktop "
            "apps under Settings > Privacy & security > Camera."
        )


def _windows_enumerate_cameras() -> Callable[[int], Iterable[Any]]:
    try:
        module = importlib.import_module("cv2_enumerate_cameras")
    except ImportError as error:
        raise InputError(
            "The package cv2-enumerate-cameras is missing; run: pip install -r requirements.txt"
        ) from error
    return cast(Callable[[int], Iterable[Any]], module.enumerate_cameras)


# ---- macOS --------------------------------------------------------------------------------------


def _system_profiler() -> str:
    command = ["system_profiler", "-json", "SPCameraDataType"]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=20, check=True, stdin=subprocess.DEVNULL
    ).stdout


class MacCameras:
    """What the system's own report lists. profile: gives that report as JSON."""

    def __init__(self, profile: Callable[[], str] = _system_profiler) -> None:
        self._profile = profile

    def cameras(self) -> Sequence[CameraInfo]:
        try:
            listed = json.loads(self._profile()).get("SPCameraDataType", [])
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise InputError(
                f"macOS does not say which cameras there are ({error}); try it again."
            ) from error
        # OpenCV counts AVFoundation's devices in the order of their unique IDs.
        listed = sorted(listed, key=lambda item: str(item.get("spcamera_unique-id", "")))
        return _named_apart(
            [
                CameraInfo(
                    str(index),
                    str(item.get("_name", f"Camera {index}")),
                    str(item.get("spcamera_unique-id", "")),
                    virtual="virtual" in str(item.get("_name", "")).lower(),
                    api="avfoundation",
                )
                for index, item in enumerate(listed)
            ]
        )

    def is_there(self, camera: CameraInfo) -> bool:
        return any(other.path == camera.path for other in self.cameras())

    def trouble(self, camera: CameraInfo) -> str:
        if not self.is_there(camera):
            return unplugged(camera)
        return (
            f"{camera.name} gives no pictures: allow your terminal, or this program, under System "
            "Settings > Privacy & Security > Camera, and close other programs that use it."
        )


# ---- All systems --------------------------------------------------------------------------------


def system_cameras(platform: str = sys.platform) -> CameraList:
    """What knows the cameras of this machine."""
    if platform == "win32":
        return WindowsCameras()
    if platform == "darwin":
        return MacCameras()
    return LinuxCameras()


def list_cameras() -> Sequence[CameraInfo]:
    """The cameras of this machine now."""
    return system_cameras().cameras()


def find_camera(wanted: str, cameras: Sequence[CameraInfo]) -> CameraInfo:
    """The camera with that id, path or name, or the only one whose name has `wanted` in it.

    Nothing wanted: the first that is no virtual one. Raises SourceLost where it is not there (yet),
    InputError where several would do.
    """
    if not wanted:
        real = [camera for camera in cameras if not camera.virtual]
        usable = [camera for camera in real if camera.problem is None]
        if real:
            return (usable or real)[0]
        raise SourceLost("No camera is connected; plug one in, or choose the demo clip.")
    for camera in cameras:
        if wanted in (camera.id, camera.path) or camera.name.casefold() == wanted.casefold():
            return camera
    if wanted.startswith("/"):
        real_path = os.path.realpath(wanted)  # /dev/v4l/by-id/...
        for camera in cameras:
            if camera.path == real_path:
                return camera
    near = [camera for camera in cameras if wanted.casefold() in camera.name.casefold()]
    # A number is an id: it must not find a camera with that digit in its name.
    if len(near) == 1 and not wanted.isdecimal():
        return near[0]
    if len(near) > 1 and not wanted.isdecimal():
        names = ", ".join(f"{camera.id} ({camera.name})" for camera in near)
        raise InputError(f"Several cameras are called {wanted!r}: {names}. Choose one by number.")
    there = ", ".join(f"{camera.id} ({camera.name})" for camera in cameras) or "none"
    raise SourceLost(f"There is no camera {wanted!r}; plug it in. Cameras that are there: {there}.")


def _named_apart(cameras: Sequence[CameraInfo]) -> Sequence[CameraInfo]:
    """Two cameras of one model become "HD Webcam" and "HD Webcam 2"."""
    counts: Counter[str] = Counter()
    taken = {camera.name for camera in cameras}
    named = []
    for camera in cameras:
        counts[camera.name] += 1
        name = camera.name
        while counts[camera.name] > 1 and name in taken:
            name = f"{camera.name} {counts[camera.name]}"
            if name in taken:
                counts[camera.name] += 1
        taken.add(name)
        named.append(replace(camera, name=name))
    return named


# ---- Coming and going ---------------------------------------------------------------------------


class _Changes(Protocol):
    """Waits for what may mean that a camera came or went."""

    def wait(self) -> bool:
        """Whether to look again; False once `wake` was called."""

    def wake(self) -> None:
        """Ends `wait`, from any thread."""

    def close(self) -> None: ...


class TimedChanges:
    """Looks again every so many seconds: for systems that tell nobody."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._woken = threading.Event()

    def wait(self) -> bool:
        return not self._woken.wait(self._seconds)

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None: ...


class FolderChanges:
    """inotify on a folder of device nodes: names that appear, vanish or change their rights.

    Raises OSError where the kernel has no inotify or no watch left.
    """

    _MASK = 0x4 | 0x40 | 0x80 | 0x100 | 0x200  # attrib, moved from, moved to, create, delete
    _CLOEXEC_NONBLOCK = 0o2000000 | 0o4000
    _HEAD = 16  # struct inotify_event without its name
    # udev gives a new node its rights in a few steps; the list is read when it is quiet again.
    _QUIET = 0.25

    def __init__(self, folder: Path, prefix: str = "video") -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._prefix = prefix.encode()
        self._descriptor = libc.inotify_init1(self._CLOEXEC_NONBLOCK)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        if libc.inotify_add_watch(self._descriptor, os.fsencode(folder), self._MASK) < 0:
            number = ctypes.get_errno()
            os.close(self._descriptor)
            raise OSError(number, "inotify_add_watch", str(folder))
        self._ear, self._mouth = os.pipe()
        self._lock = threading.Lock()
        self._open = True

    def wait(self) -> bool:
        timeout: float | None = None
        while True:
            ready = select.select([self._descriptor, self._ear], [], [], timeout)[0]
            if self._ear in ready:
                return False
            if not ready:
                return True
            if self._concerns_us(os.read(self._descriptor, 1 << 16)):
                timeout = self._QUIET

    def _concerns_us(self, events: bytes) -> bool:
        found, at = False, 0
        while at + self._HEAD <= len(events):
            length = int.from_bytes(events[at + 12 : at + 16], sys.byteorder)
            found |= events[at + self._HEAD : at + self._HEAD + length].startswith(self._prefix)
            at += self._HEAD + length
        return found

    def wake(self) -> None:
        with self._lock:
            if self._open:
                os.write(self._mouth, b"x")

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                for descriptor in (self._descriptor, self._ear, self._mouth):
                    os.close(descriptor)


class CameraWatch:
    """Tells of the cameras that are there: at once, and whenever one came or went.

    on_change: called with all of them, in a thread of its own. Start it once; `stop` may be called
    twice, from any thread. `changes` is what it waits for; by default what suits the system.
    """

    def __init__(
        self,
        on_change: Callable[[Sequence[CameraInfo]], None],
        *,
        cameras: CameraList | None = None,
        changes: Callable[[], _Changes] | None = None,
    ) -> None:
        self._on_change = on_change
        self._cameras = system_cameras() if cameras is None else cameras
        self._make_changes = _system_changes if changes is None else changes
        self._changes: _Changes | None = None
        self._job = Job("cameras", self._work)

    def start(self) -> None:
        self._changes = self._make_changes()
        self._job.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Whether the thread has ended."""
        self._job.cancel()
        if self._changes is None:
            return True
        self._changes.wake()
        return self._job.join(timeout)

    def _work(self, control: Control) -> None:
        assert self._changes is not None
        known: Sequence[CameraInfo] | None = None
        try:
            while not control.cancelled:
                try:
                    now = list(self._cameras.cameras())
                except MattecamError as error:
                    log.warning("%s", error)
                else:
                    if now != known:
                        known = now
                        self._on_change(now)
                if not self._changes.wait():
                    return
        finally:
            self._changes.close()


def watch(on_change: Callable[[Sequence[CameraInfo]], None]) -> CameraWatch:
    """A CameraWatch of this machine that is already running."""
    started = CameraWatch(on_change)
    started.start()
    return started


def _system_changes() -> _Changes:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):  # no inotify left: looking again does as well
            return FolderChanges(Path("/dev"))
    # system_profiler is a program that has to be started each time.
    return TimedChanges(5.0 if sys.platform == "darwin" else 2.0)
