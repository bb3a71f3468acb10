"""A picture from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.backgrounds.base import Background, backgrounds
from app.backgrounds.fit import FILL_TOOLTIP, FIT_TOOLTIP, Fill, Fit, fit_picture, resize
from app.frames import RGB, Cutout
from app.registry import REQUIRED, option
from app.sources.picture_formats import READABLE
from app.sources.pictures import looks_like_picture, read_picture

# What is kept in memory, in pixels: more would not be seen, not even on an 8K frame.
_KEPT_PIXELS = 7680 * 4320


@backgrounds.register("image", title="Image")
class Image(Background):
    """A picture from a file, fitted into the frame."""

    @dataclass(frozen=True)
    class Options:
        path: Path = option(REQUIRED, "Picture", f"A {READABLE.replace(' and', ' or')} file")
        fit: Fit = option("cover", "Fit", FIT_TOOLTIP)
        fill: Fill = option("blur", "Surround", FILL_TOOLTIP)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._picture: RGB | None = None
        self._fitted: RGB | None = None

    @classmethod
    def reads(cls, path: Path) -> bool:
        return looks_like_picture(path)

    def open(self) -> None:
        """Raises InputError: missing, not a picture, damaged, too large."""
        picture = read_picture(self._options.path)
        shrink = (_KEPT_PIXELS / (picture.shape[0] * picture.shape[1])) ** 0.5
        if shrink < 1:
            rows, columns = picture.shape[:2]
            size = max(1, int(columns * shrink)), max(1, int(rows * shrink))
            picture = resize(picture, size)
        self._picture = picture

    def close(self) -> None:
        self._picture = self._fitted = None

    def render(self, cutout: Cutout) -> RGB:
        if self._picture is None:
            raise RuntimeError("Image.render() was called before open()")
        if self._fitted is None or self._fitted.shape != cutout.frame.rgb.shape:
            self._fitted = fit_picture(
                self._picture, cutout.frame.size, fit=self._options.fit, fill=self._options.fill
            )
        return self._fitted
