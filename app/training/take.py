"""What somebody is recorded for to be adapted to: when which frame is taken, and where it lies.

Without torch: the window records, and only the child that learns draws torch in.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.errors import DiskFull, InputError, OutputError
from app.frames import RGB, Composite, Frame
from app.runtime.stage import Stage, Work
from app.system.files import PRIVATE_FOLDER, write_private
from app.system.temporary import make_temporary_folder

SECONDS = 30.0
# Enough to see how somebody moves, and little enough for memory.
MOST_FRAMES = 240
# What a person in a call does; each for its share of the time.
HINTS = (
    "Look at the camera and talk",
    "Turn your head to both sides",
    "Lean forward, back and aside",
    "Lift your hands and move them",
    "Sit as you usually do",
)
# At the end every frame is taken: neighbours are what flicker is looked for in.
_LAST = 1.0
# More pixels than training's pictures have are of no use.
_LONGEST = 960
_WAITING = 64  # frames, while the disk is slow
_JPEG = 95  # as fine as what a camera sends


def hint_at(passed: float, seconds: float) -> str:
    """What to do after `passed` of so many seconds."""
    return HINTS[min(len(HINTS) - 1, max(0, int(passed / seconds * len(HINTS))))]


def is_due(taken: int, passed: float, seconds: float) -> bool:
    """Whether a frame that comes after `passed` seconds is taken, where `taken` were before."""
    return passed >= taken * seconds / MOST_FRAMES or passed > seconds - _LAST


def shrunk(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """As large as training needs it, uint8 (H, W, C); never enlarged."""
    scale = _LONGEST / max(picture.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(picture)
    return np.asarray(
        cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


class Take:
    """A folder that only this user can read: the recording, and what is learned from it.

    Whoever makes one calls `remove` or `keep` in the end. One that nobody could remove, because
    the program was killed, `remove_stale` takes away at the next start.
    """

    def __init__(self) -> None:
        """Raises OutputError, DiskFull."""
        try:
            self._folder = make_temporary_folder("adapt")
            self.frames.mkdir(PRIVATE_FOLDER)
        except OSError as error:
            raise _cannot_write(Path(tempfile.gettempdir()), error) from error
        self._count = 0
        self._size: tuple[int, ...] | None = None

    @property
    def frames(self) -> Path:
        """The recorded pictures, in the order of their names."""
        return self._folder / "recording"

    @property
    def model(self) -> Path:
        """Where the adapted weights are written, until the user decides."""
        return self._folder / "adapted.safetensors"

    @property
    def comparison(self) -> Path:
        """Where pictures of before and after are written."""
        return self._folder / "comparison"

    @property
    def count(self) -> int:
        return self._count

    def add(self, rgb: RGB) -> None:
        """Raises InputError where its size is another, OutputError, DiskFull."""
        small = shrunk(rgb)
        if self._size not in (None, small.shape):
            raise InputError("The picture changed its size while it was recorded; record again.")
        self._size = small.shape
        # Colours at full resolution: the edge of a person is where they matter.
        how = [
            cv2.IMWRITE_JPEG_QUALITY,
            _JPEG,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
        _, coded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), how)
        path = self.frames / f"{self._count:05d}.jpg"
        try:
            write_private(path, coded.tobytes())
        except OSError as error:
            raise _cannot_write(path, error) from error
        self._count += 1

    def keep(self, target: Path) -> Path:
        """Moves the recording to `target`, or beside it where that is taken; where it is now.

        Raises OutputError, DiskFull; the recording then stays where it was.
        """
        place, number = target, 2
        while place.exists():
            place, number = target.with_name(f"{target.name} ({number})"), number + 1
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.frames, place)
        except OSError as error:
            raise _cannot_write(place, error) from error
        return place

    def remove(self) -> None:
        """Deletes everything; may be called twice. What cannot be deleted is stale later."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Recorder:
    """Takes frames of a running source for so many seconds; `put` is a tap of the pipeline.

    on_end: called once, in another thread, with what ended it, or None where all were taken.
    """

    def __init__(
        self, take: Take, on_end: Callable[[Exception | None], None], *, seconds: float = SECONDS
    ) -> None:
        self.seconds = seconds
        self._stage: Stage[Frame] = Stage("take", _Writing(take), on_end=on_end, depth=_WAITING)
        self._began: float | None = None
        self._passed = 0.0
        self._taken = 0
        self._heard_at = time.monotonic()

    @property
    def passed(self) -> float:
        """Seconds of the recording, from its first frame."""
        return self._passed

    @property
    def silent(self) -> float:
        """Seconds since a frame came."""
        return time.monotonic() - self._heard_at

    def start(self) -> None:
        self._heard_at = time.monotonic()
        self._stage.start()

    def put(self, composite: Composite) -> None:
        """Hands over and does not wait. Called in one thread at a time."""
        frame = composite.cutout.frame
        self._heard_at = time.monotonic()
        if self._began is None:
            self._began = frame.captured_at
        self._passed = frame.captured_at - self._began
        if self._passed >= self.seconds:
            self._stage.close()
        elif is_due(self._taken, self._passed, self.seconds):
            self._taken += 1
            self._stage.inbox.put(frame)

    def cancel(self) -> None:
        self._stage.abandon()

    def join(self, timeout: float) -> bool:
        """Waits until nothing is written any more; whether that came."""
        return self._stage.join(time.monotonic() + timeout)


class _Writing(Work[Frame]):
    def __init__(self, take: Take) -> None:
        self._take = take

    def handle(self, item: Frame) -> None:
        self._take.add(item.rgb)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk is full: the recording could not be written to {path.parent}. "
            "Free some space and try again."
        )
    return OutputError(
        f"The recording cannot be written to {path} ({error.strerror or error}); make the folder "
        "writable, or let TMPDIR name another one."
    )
