"""Pictures as sources: one file, or a folder of them in natural order."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from app.errors import InputError
from app.frames import Frame
from app.natural_order import natural_key
from app.sources.base import SourceInfo
from app.sources.pictures import SUFFIXES, StillPicture, is_animation, read_whole

_log = logging.getLogger(__name__)


class PictureSource:
    """One picture, as a clip of one frame."""

    info: SourceInfo

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0
        self._picture: StillPicture | None = None

    def __enter__(self) -> Self:
        self._picture = read_whole(self.path)
        height, width = self._picture.rgb.shape[:2]
        rate = Fraction(25)
        self.info = SourceInfo(
            size=(width, height),
            rate=rate,
            time_base=1 / rate,
            frame_count=1,
            duration=float(1 / rate),
            one_scene=False,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._picture = None

    def __iter__(self) -> Iterator[Frame]:
        picture = self._picture if self._picture is not None else read_whole(self.path)
        yield Frame(picture.rgb, 0, 0.0, rgba=picture.rgba)

    def stem(self, index: int) -> str:
        """The name, without ending, for a picture of this frame."""
        return self.path.stem


class FolderSource:
    """The pictures of a folder, `rate` a second, each its own size.

    In natural order: frame2 comes before frame10; see app/natural_order.py. Of an animation it is
    the first frame.

    A picture that cannot be read is skipped and counted; its place in time stays empty.
    """

    info: SourceInfo

    def __init__(self, path: Path, *, rate: Fraction = Fraction(25)) -> None:
        self.path = path
        self.skipped = 0
        self._rate = rate
        self._files: list[Path] = []
        self._stems: list[str] = []
        self._told: set[int] = set()
        self._ahead: tuple[int, StillPicture] | None = None

    def __enter__(self) -> Self:
        try:
            self._files = sorted(
                (file for file in self.path.iterdir() if _is_picture(file)),
                key=lambda file: natural_key(file.name),
            )
        except OSError as error:
            raise InputError(
                f"The folder {self.path} cannot be read: {error.strerror or error}."
            ) from None
        if not self._files:
            raise InputError(
                f"There is no picture in the folder {self.path}; "
                f"files ending in {', '.join(sorted(SUFFIXES))} count."
            )
        self._ahead = next(self._read(), None)
        if self._ahead is None:
            raise InputError(f"Not one of the {len(self._files)} pictures in {self.path} is whole.")
        rgb = self._ahead[1].rgb
        self.info = SourceInfo(
            size=(rgb.shape[1], rgb.shape[0]),
            rate=self._rate,
            time_base=1 / self._rate,
            frame_count=len(self._files),
            duration=float(len(self._files) / self._rate),
            one_scene=False,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ahead = None

    def __iter__(self) -> Iterator[Frame]:
        seen = Counter(file.stem.casefold() for file in self._files)
        self._stems = []
        for index, (place, picture) in enumerate(self._read()):
            file = self._files[place]
            # a.jpg and a.png must not end in one a.png.
            self._stems.append(file.stem if seen[file.stem.casefold()] == 1 else file.name)
            yield Frame(picture.rgb, index, float(place / self._rate), rgba=picture.rgba)

    def stem(self, index: int) -> str:
        """The name, without ending, for a picture of this frame, which was given already."""
        return self._stems[index]

    def _read(self) -> Iterator[tuple[int, StillPicture]]:
        """The readable pictures, each with its place among all."""
        self.skipped = 0
        start = 0
        if self._ahead is not None:
            (start, _), first, self._ahead = self._ahead, self._ahead, None
            self.skipped = start
            yield first
            start += 1
        for place in range(start, len(self._files)):
            try:
                picture = read_whole(self._files[place])
            except InputError as error:
                self.skipped += 1
                _log.warning("Skipped: %s", error)
                continue
            if place not in self._told and is_animation(self._files[place]):
                self._told.add(place)
                _log.warning("%s is an animation; its first frame is taken.", self._files[place])
            yield place, picture


def _is_picture(file: Path) -> bool:
    # Dot files: macOS leaves "._a.jpg" beside "a.jpg", which is no picture.
    return (
        file.suffix.lower() in SUFFIXES
        and not file.name.startswith(".")
        and not os.path.isdir(file)
    )
