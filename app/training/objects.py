"""Things that people hold or wear, drawn by this module: cups, phones, headsets, glasses, paper.

Nothing here comes from a photograph. What somebody holds belongs to them: it is opaque in alpha. A
thing is drawn once on a canvas in units of heads, and then moves with the person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGBA
from app.training.figure import Figure

Bytes = npt.NDArray[np.uint8]
Color = tuple[float, float, float, float]
# Drawn so much larger and averaged down, with at most so many pixels for a head.
_FINE, _LARGEST = 3, 220


@dataclass(frozen=True)
class Thing:
    """A thing and where it is.

    Attributes:
        rgba: uint8 (h, w, 4), straight alpha.
        left, top: of its canvas in the person's picture, in pixels.
    """

    rgba: RGBA
    left: float
    top: float


def draw_thing(rng: np.random.Generator, figure: Figure) -> Thing:
    """One thing by chance, where a person would have it."""
    names = sorted(_THINGS)
    return _THINGS[names[int(rng.integers(len(names)))]](rng, figure)


def holding(rgba: RGBA, thing: Thing) -> RGBA:
    """The person's picture with the thing before them; what is outside of the picture is lost."""
    height, width = rgba.shape[:2]
    matrix = np.array([[1, 0, thing.left], [0, 1, thing.top]], np.float64)
    layer = cv2.warpAffine(thing.rgba, matrix, (width, height), flags=cv2.INTER_LINEAR)
    alpha = layer[..., 3:].astype(np.float32) * np.float32(1 / 255)
    under = rgba[..., 3:].astype(np.float32) * np.float32(1 / 255)
    together = alpha + under * (1 - alpha)
    # Straight colors: what shows through is weighted by how much of it there is.
    below = rgba[..., :3] * under * (1 - alpha)
    colors = (layer[..., :3] * alpha + below) / np.maximum(together, np.float32(1e-3))
    filled = np.where(together > 0.01, colors, rgba[..., :3])
    return np.dstack(
        [np.clip(filled, 0, 255).astype(np.uint8), np.rint(together * 255).astype(np.uint8)]
    )


def sure_of(thing: Thing, evidence: Bytes) -> Bytes:
    """Evidence, uint8 (H, W, 2), of the picture with the thing: where that is, alpha is true."""
    height, width = evidence.shape[:2]
    matrix = np.array([[1, 0, thing.left], [0, 1, thing.top]], np.float64)
    alpha = np.ascontiguousarray(thing.rgba[..., 3])
    layer = cv2.warpAffine(alpha, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return np.maximum(evidence, layer[..., None])


class _Canvas:
    """Draws in units of heads; x to the right, y down, (0, 0) in the middle."""

    def __init__(self, head: float, wide: float, high: float) -> None:
        self.unit = min(head * _FINE, _LARGEST)
        self._shrink = head / self.unit
        self._half = wide / 2, high / 2
        size = max(4, int(high * self.unit)), max(4, int(wide * self.unit))
        self._color = np.zeros((*size, 3), np.uint8)
        self._alpha = np.zeros(size, np.uint8)

    def point(self, x: float, y: float) -> tuple[int, int]:
        return (
            round((x + self._half[0]) * self.unit),
            round((y + self._half[1]) * self.unit),
        )

    def polygon(self, points: list[tuple[float, float]], color: Bytes) -> None:
        place = np.array([self.point(*one) for one in points], np.int32)
        cv2.fillPoly(self._color, [place], color.tolist())
        cv2.fillPoly(self._alpha, [place], 255)

    def ellipse(
        self,
        at: tuple[float, float],
        half: tuple[float, float],
        color: Bytes,
        *,
        thick: float = 0.0,
        arc: tuple[float, float] = (0, 360),
        opaque: int = 255,
    ) -> None:
        place = self.point(*at)
        axes = max(1, round(half[0] * self.unit)), max(1, round(half[1] * self.unit))
        width = max(1, round(thick * self.unit)) if thick else -1
        cv2.ellipse(self._color, place, axes, 0, arc[0], arc[1], color.tolist(), width)
        cv2.ellipse(self._alpha, place, axes, 0, arc[0], arc[1], opaque, width)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], color: Bytes, thick: float
    ) -> None:
        width = max(1, round(thick * self.unit))
        ends = self.point(*start), self.point(*end)
        cv2.line(self._color, *ends, color.tolist(), width)
        cv2.line(self._alpha, *ends, 255, width)

    def thing(self, rng: np.random.Generator, x: float, y: float, *, angle: float = 0.0) -> Thing:
        """Shaded from one side, turned by `angle` degrees, its middle at (x, y) of the picture."""
        height, width = self._alpha.shape
        light = np.linspace(rng.uniform(0.65, 1), rng.uniform(0.65, 1.1), width, dtype=np.float32)
        colors = np.clip(self._color * light[None, :, None], 0, 255).astype(np.uint8)
        rgba = np.dstack([colors, self._alpha])
        if angle:
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
            rgba = np.asarray(cv2.warpAffine(rgba, turn, (width, height)), np.uint8)
        size = max(2, round(width * self._shrink)), max(2, round(height * self._shrink))
        kind = cv2.INTER_AREA if self._shrink < 1 else cv2.INTER_LINEAR
        # Premultiplied while it shrinks: nothing black comes in at the edge.
        share = rgba[..., 3:].astype(np.float32) / 255
        mixed = np.dstack([rgba[..., :3] * share, rgba[..., 3:]]).astype(np.float32)
        small = np.asarray(cv2.resize(mixed, size, interpolation=kind), np.float32)
        straight = small[..., :3] / np.maximum(small[..., 3:] / 255, 1e-2)
        straight += rng.normal(0, 2.5, small.shape[:2])[..., None]
        return Thing(
            np.dstack([np.clip(straight, 0, 255), small[..., 3:]]).astype(np.uint8),
            x - size[0] / 2,
            y - size[1] / 2,
        )


def _tone(rng: np.random.Generator, low: int = 15, high: int = 245) -> Bytes:
    value = rng.uniform(low, high)
    return np.asarray(np.clip(value * rng.uniform(0.6, 1.15, 3), 0, 255), np.uint8)


def _darker(color: Bytes, share: float) -> Bytes:
    return np.asarray(np.clip(color * share, 0, 255), np.uint8)


def _chest(rng: np.random.Generator, figure: Figure) -> tuple[float, float]:
    """A place before the chest, a shoulder or the chin, in the picture."""
    x = figure.neck[0] + float(rng.normal(0, 0.45)) * figure.head
    y = figure.neck[1] + float(rng.uniform(-0.2, 0.55)) * figure.head
    return x, min(y, figure.whole_to)


def _hand(canvas: _Canvas, rng: np.random.Generator, side: float, y: float, half: float) -> None:
    """Fingers around something: four strokes in a skin's color."""
    skin = _SKINS[int(rng.integers(len(_SKINS)))]
    for finger in range(4):
        level = y + (finger - 1.5) * 0.085
        reach = half * rng.uniform(0.35, 0.6)
        canvas.line((side * half * 1.15, level), (side * (half - reach), level), skin, 0.075)
    canvas.ellipse((side * half * 1.2, y), (0.09, 0.2), _darker(skin, 0.94))


_SKINS = [
    np.array(tone, np.uint8)
    for tone in ((238, 204, 180), (224, 176, 144), (198, 144, 108), (150, 102, 70), (96, 62, 44))
]


def _cup(rng: np.random.Generator, figure: Figure) -> Thing:
    color, half, high = _tone(rng), rng.uniform(0.15, 0.24), rng.uniform(0.2, 0.3)
    canvas = _Canvas(figure.head, 1.3, 1.1)
    side = float(rng.choice([-1, 1]))
    canvas.ellipse((-side * half, 0.02), (0.11, 0.13), _darker(color, 0.85), thick=0.045)
    lower = half * rng.uniform(0.7, 1)
    canvas.polygon([(-half, -high), (half, -high), (lower, high), (-lower, high)], color)
    canvas.ellipse((0, high), (lower, 0.05), color)
    canvas.ellipse((0, -high), (half, 0.06), _darker(color, 0.6))
    if rng.random() < 0.5:
        band = _tone(rng)
        canvas.polygon([(-half, -0.06), (half, -0.06), (lower, 0.08), (-lower, 0.08)], band)
    if rng.random() < 0.7:
        _hand(canvas, rng, side, 0.0, half)
    return canvas.thing(rng, *_chest(rng, figure), angle=float(rng.normal(0, 8)))


def _phone(rng: np.random.Generator, figure: Figure) -> Thing:
    canvas = _Canvas(figure.head, 1.4, 1.4)
    wide, high = 0.17, 0.35
    body = _tone(rng, 10, 120)
    canvas.polygon([(-wide, -high), (wide, -high), (wide, high), (-wide, high)], body)
    if rng.random() < 0.5:
        glass = _tone(rng, 5, 250)
        inner, upper = wide - 0.02, high - 0.03
        canvas.polygon([(-inner, -upper), (inner, -upper), (inner, upper), (-inner, upper)], glass)
    else:
        canvas.ellipse((-0.09, -0.26), (0.035, 0.035), _darker(body, 0.4))
        canvas.ellipse((-0.09, -0.17), (0.035, 0.035), _darker(body, 0.4))
    side = float(rng.choice([-1, 1]))
    if rng.random() < 0.7:
        _hand(canvas, rng, side, 0.1, wide)
    if rng.random() < 0.4:  # at the ear
        x = figure.neck[0] + side * 0.42 * figure.head
        y = figure.neck[1] - 0.38 * figure.head
        return canvas.thing(rng, x, y, angle=float(side * rng.uniform(5, 25)))
    angle = float(rng.choice([0, 90]) + rng.normal(0, 10))
    return canvas.thing(rng, *_chest(rng, figure), angle=angle)


def _headset(rng: np.random.Generator, figure: Figure) -> Thing:
    color = _tone(rng, 10, 235)
    canvas = _Canvas(figure.head, 2.2, 2.2)
    half = rng.uniform(0.36, 0.44)
    arch = rng.uniform(0.42, 0.52)
    canvas.ellipse((0, 0), (half, arch), color, thick=rng.uniform(0.04, 0.1), arc=(180, 360))
    cup = rng.uniform(0.08, 0.15), rng.uniform(0.13, 0.2)
    for side in (-1.0, 1.0):
        canvas.ellipse((side * half, 0.05), cup, _darker(color, 0.8))
        canvas.ellipse((side * (half - 0.02), 0.05), (cup[0] * 0.5, cup[1] * 0.7), color)
    if rng.random() < 0.6:
        side = float(rng.choice([-1, 1]))
        mouth = side * 0.12, 0.36
        canvas.line((side * half, 0.14), (side * half * 0.8, 0.34), _darker(color, 0.7), 0.025)
        canvas.line((side * half * 0.8, 0.34), mouth, _darker(color, 0.7), 0.025)
        canvas.ellipse(mouth, (0.05, 0.035), _darker(color, 0.5))
    return canvas.thing(
        rng, figure.neck[0], figure.neck[1] - 0.52 * figure.head, angle=float(rng.normal(0, 4))
    )


def _paper(rng: np.random.Generator, figure: Figure) -> Thing:
    canvas = _Canvas(figure.head, 2.4, 2.4)
    wide, high = rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.75)
    lean = rng.uniform(-0.08, 0.08)
    paper = np.clip(rng.uniform(200, 255) * rng.uniform(0.94, 1.0, 3), 0, 255).astype(np.uint8)
    corners = [(-wide + lean, -high), (wide + lean, -high), (wide, high), (-wide, high)]
    canvas.polygon(corners, paper)
    ink = _tone(rng, 20, 120)
    for line in np.arange(-high + 0.12, high - 0.05, rng.uniform(0.06, 0.12)):
        end = wide - rng.uniform(0.08, 0.5)
        canvas.line((-wide + 0.1, float(line)), (float(end), float(line)), ink, 0.009)
    if rng.random() < 0.6:
        _hand(canvas, rng, float(rng.choice([-1, 1])), high * 0.5, wide)
    x, y = _chest(rng, figure)
    return canvas.thing(rng, x, y + 0.25 * figure.head, angle=float(rng.normal(0, 8)))


def _glasses(rng: np.random.Generator, figure: Figure) -> Thing:
    canvas = _Canvas(figure.head, 1.4, 0.8)
    color = _tone(rng, 5, 160)
    lens = rng.uniform(0.1, 0.13), rng.uniform(0.07, 0.11)
    for side in (-1.0, 1.0):
        canvas.ellipse((side * 0.15, 0), lens, color, thick=rng.uniform(0.012, 0.028))
        canvas.line((side * (0.15 + lens[0]), 0), (side * 0.36, -0.02), color, 0.02)
    canvas.line((-0.05, 0), (0.05, 0), color, 0.02)
    return canvas.thing(rng, figure.neck[0], figure.neck[1] - 0.5 * figure.head)


_THINGS: dict[str, Callable[[np.random.Generator, Figure], Thing]] = {
    "cup": _cup,
    "glasses": _glasses,
    "headset": _headset,
    "paper": _paper,
    "phone": _phone,
}
