"""One plain colour."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from PIL import ImageColor

from app.backgrounds.base import Background, backgrounds
from app.errors import OptionError
from app.frames import RGB, Cutout
from app.registry import option

_TRIPLE = re.compile(r"\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*")


def parse_color(text: str) -> tuple[int, int, int]:
    """`#00b140`, `#0b4`, `green`, `rgb(0, 177, 64)` or `0,177,64` -> red, green, blue.

    Raises OptionError with what is allowed.
    """
    triple = _TRIPLE.fullmatch(text)
    try:
        if triple:
            red, green, blue = map(int, triple.groups())
        else:
            red, green, blue = ImageColor.getrgb(text.strip())[:3]
    except ValueError:
        red = green = blue = -1
    if not all(0 <= channel <= 255 for channel in (red, green, blue)):
        raise OptionError(
            f"{text!r} is no colour; write #00b140, a name such as green, or 0,177,64."
        )
    return red, green, blue


@backgrounds.register("color", title="Colour")
class Color(Background):
    """One plain colour; the default is the green of a studio's screen."""

    @dataclass(frozen=True)
    class Options:
        color: str = option("#00b140", "Colour", "#00b140, a name such as green, or 0,177,64")

        def __post_init__(self) -> None:
            parse_color(self.color)

    def __init__(self, options: Options) -> None:
        self._color = parse_color(options.color)
        self._picture: RGB | None = None

    def close(self) -> None:
        self._picture = None

    def render(self, cutout: Cutout) -> RGB:
        shape = cutout.frame.rgb.shape
        if self._picture is None or self._picture.shape != shape:
            self._picture = np.full(shape, self._color, np.uint8)
        return self._picture
