"""An animated GIF, PNG, WebP or AVIF: every frame, as browsers show it, for as long as it says."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from PIL import Image
from typing_extensions import Self

from app.errors import InputError, MattecamError
from app.frames import Frame
from app.sources.animation_times import read_times, shown_for
from app.sources.base import SourceInfo
from app.sources.files import check_readable
from app.sources.picture_formats import picture_format
from app.sources.pictures import StillPicture, open_picture, picture_of

_log = logging.getLogger(__name__)

_TIME_BASE = Fraction(1, 1000)


class AnimationSource:
    """The frames of one loop, whole: offsets, disposal and blending are applied.

    Transparency is kept in `Frame.rgba`. How often the animation says that it repeats is ignored:
    a clip plays once, a background and a live source go on.

    May be iterated again: each time from the start.
    """

    info: SourceInfo

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0
        self._kind = ""
        self._seconds: list[float] = []
        self._ahead: StillPicture | None = None
        self._pictures: Generator[StillPicture, None, None] | None = None

    def __enter__(self) -> Self:
        check_readable(self.path)
        self._kind = picture_format(self.path)
        self._seconds = self._read_seconds()
        self._pictures = self._decode()
        # A file without one frame is no source, and only a decoded frame tells the size.
        self._ahead = next(self._pictures, None)
        if self._ahead is None or not self._seconds:
            raise InputError(f"Not one frame of {self.path} can be decoded; the file is damaged.")
        height, width = self._ahead.rgb.shape[:2]
        total = sum(self._seconds)
        self.info = SourceInfo(
            size=(width, height),
            rate=Fraction(len(self._seconds) / total).limit_denominator(1000),
            time_base=_TIME_BASE,
            frame_count=len(self._seconds),
            duration=total,
            last_shown=self._seconds[-1],
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ahead = None
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

    def __iter__(self) -> Iterator[Frame]:
        first, self._ahead = self._ahead, None
        if first is None or self._pictures is None:
            if self._pictures is not None:
                self._pictures.close()
            self._pictures = self._decode()
            first = next(self._pictures, None)
        index, time = 0, 0.0
        picture = first
        while picture is not None:
            yield Frame(picture.rgb, index, time, rgba=picture.rgba)
            time += self._seconds[min(index, len(self._seconds) - 1)]
            index += 1
            picture = next(self._pictures, None)
        self.skipped = max(0, len(self._seconds) - index)

    def stem(self, index: int) -> str:
        """The name, without ending, for a picture of this frame."""
        return f"{index:05d}"

    def _read_seconds(self) -> list[float]:
        if self._kind != "AVIF":
            return read_times(self.path, self._kind)
        # Its times are in tables that only the decoder reads.
        seconds = []
        try:
            with open_picture(self.path, self._kind) as image:
                for place in range(getattr(image, "n_frames", 1)):
                    image.seek(place)
                    image.load()
                    seconds.append(shown_for(image.info.get("duration", 0) / 1000))
        except MattecamError:
            raise
        except Exception as error:  # noqa: BLE001  decoders raise anything for damaged data
            self._check_any(len(seconds), error)
        return seconds

    def _decode(self) -> Generator[StillPicture, None, None]:
        """The frames that can be decoded; the first one that cannot ends the animation."""
        given = 0
        try:
            with open_picture(self.path, self._kind) as image, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # A PNG may have a picture for programs that cannot play it.
                beside = int(bool(getattr(image, "default_image", False)))
                for place in range(beside, beside + len(self._seconds)):
                    picture = self._frame(image, place)
                    if picture is None:
                        break
                    given += 1
                    yield picture
        except MattecamError:
            raise
        except Exception as error:  # noqa: BLE001  decoders raise anything for damaged data
            self._check_any(given, error)
        if given < len(self._seconds):
            _log.warning(
                "%s ends early: %d of %d frames could be read.",
                self.path,
                given,
                len(self._seconds),
            )

    def _frame(self, image: Image.Image, place: int) -> StillPicture | None:
        try:
            image.seek(place)
        except EOFError:
            return None
        image.load()
        return picture_of(image, self._kind)

    def _check_any(self, given: int, error: Exception) -> None:
        """Raises InputError where not one frame came; what came before the damage counts."""
        if not given:
            raise InputError(
                f"Not one frame of {self.path} can be decoded; the file is damaged."
            ) from error
        _log.debug("%s is damaged after frame %d", self.path, given, exc_info=error)
