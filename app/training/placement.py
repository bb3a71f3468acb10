"""Where somebody is in the frame: from a head that fills it to a small figure.

A figure that its own picture cuts off stays cut off: its lower edge is at the frame's edge or below
it, or behind a desk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.training.figure import Figure

Size = tuple[int, int]  # (width, height)
Matrix = npt.NDArray[np.float64]  # (2, 3)

# The head's height as a share of the frame's, and how often each is drawn.
HEADS: dict[str, tuple[float, float]] = {
    "close": (0.55, 1.05),
    "head": (0.3, 0.55),
    "upper": (0.16, 0.3),
    "small": (0.07, 0.16),
}
_OFTEN = {"close": 0.22, "head": 0.38, "upper": 0.26, "small": 0.14}
# Degrees: the usual spread, and the rare one of a picture held askew.
_ROLL, _ASKEW = 3.0, 14.0
# Where in the frame a desk's edge may be, as shares of its height.
_DESK = (0.6, 0.97)
# A picture is enlarged by at most so much: beyond it shows its pixels.
_LARGEST = 1.7


@dataclass(frozen=True)
class Placement:
    """Where a person's picture is in the frame.

    Attributes:
        matrix: maps the picture's pixels to the frame's, (2, 3).
        scale: frame pixels for one of the picture's.
        mirrored: whether the matrix mirrors.
        desk: the y in the frame below which something stands before the person; None without it.
        floor: the y in the picture where it ends: what is below is not shown.
    """

    matrix: Matrix
    scale: float
    mirrored: bool
    desk: float | None
    floor: float

    @property
    def inverse(self) -> Matrix:
        """From the frame's pixels to the picture's."""
        whole = np.vstack([self.matrix, [0, 0, 1]])
        return np.asarray(np.linalg.inv(whole)[:2], np.float64)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the picture is in the frame."""
        found = self.matrix @ np.array([x, y, 1.0])
        return float(found[0]), float(found[1])


def place(
    rng: np.random.Generator,
    figure: Figure,
    size: Size,
    distance: str = "any",
    *,
    calm: bool = False,
) -> Placement:
    """A placement by chance.

    Args:
        distance: one of HEADS, or "any".
        calm: as people sit before a camera: upright, near the middle, without a desk.
    """
    width, height = size
    if distance == "any":
        names = sorted(_OFTEN)
        distance = str(rng.choice(names, p=[_OFTEN[name] for name in names]))
    low, high = HEADS[distance]
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) * height / figure.head
    # A head wider than the frame is no picture of anybody.
    scale = min(scale, 1.35 * width / max(1.0, figure.head * 0.8), _LARGEST)
    mirrored = bool(rng.random() < 0.5)
    roll = rng.normal(0, _ASKEW if rng.random() < 0.08 and not calm else _ROLL)
    if figure.cut_top:
        roll = 0.0
    floor, scale = _floor(rng, figure, scale, width)
    if figure.cut_top:
        # The frame cuts the head off where the picture does, so the person fills it.
        scale = max(scale, 1.1 * height / (floor - figure.box[1]))
    turn = np.deg2rad(roll)
    flip = -1.0 if mirrored else 1.0
    linear = scale * np.array(
        [[np.cos(turn) * flip, -np.sin(turn)], [np.sin(turn) * flip, np.cos(turn)]]
    )
    # The head's top a little below the frame's, or above it in a close-up.
    tall = (floor - figure.box[1]) * scale
    above = rng.uniform(-0.06 if distance == "close" else 0.02, 0.22) * height
    if tall < height - above and not (figure.cut_bottom or floor < figure.box[3]):
        above = rng.uniform(0.02 * height, max(0.03 * height, height - tall))
    if figure.cut_top:
        above = -rng.uniform(0.0, 0.06) * height
    spread = 0.16 if distance in ("close", "head") else 0.34
    if calm:
        spread = 0.1
    x = width * (0.5 + float(np.clip(rng.normal(0, spread), -0.45, 0.45)))
    neck = np.array(figure.neck)
    y = above + (figure.neck[1] - figure.box[1]) * scale
    shift = np.array([x, y]) - linear @ neck
    desk: float | None = None
    if figure.cut_bottom or floor < figure.box[3] - 1:
        shift, desk = _hide_floor(rng, figure, floor, linear, shift, size, desks=not calm)
    shift = _hide_sides(figure, floor, linear, shift, size)
    matrix = np.column_stack([linear, shift])
    return Placement(matrix, scale, mirrored, desk, floor)


def _floor(
    rng: np.random.Generator, figure: Figure, scale: float, width: int
) -> tuple[float, float]:
    """The y where the picture is to end, and the scale that this needs.

    Where the sides cut the shoulders, either the frame ends above that, or it is no wider than the
    picture.
    """
    floor = figure.box[3]
    if not (figure.cut_left or figure.cut_right):
        return floor, scale
    enough = figure.whole_to > figure.neck[1] + 0.12 * figure.head
    if enough and (rng.random() < 0.8 or figure.size[0] * scale < width):
        return figure.whole_to, scale
    if figure.cut_left and figure.cut_right:
        scale = max(scale, 1.02 * width / figure.size[0])
    return floor, scale


def _hide_floor(
    rng: np.random.Generator,
    figure: Figure,
    floor: float,
    linear: Matrix,
    shift: Matrix,
    size: Size,
    *,
    desks: bool,
) -> tuple[Matrix, float | None]:
    """Moves the person down until the cut is outside, or puts a desk before it."""
    left, _, right, _ = figure.box
    corners = linear @ np.array([[left, right], [floor, floor]]) + shift[:, None]
    upper = float(corners[1].min())
    missing = size[1] - upper
    if missing <= 0:
        return shift, None
    head_y = float((linear @ np.array(figure.neck) + shift)[1])
    # Without a desk the head would end up too low in the picture.
    lowered = (head_y + missing) / size[1]
    hidden = desks and not figure.cut_top and upper < _DESK[1] * size[1]
    if hidden and (lowered > 0.92 or rng.random() < 0.35):
        desk = max(upper, float(rng.uniform(*_DESK)) * size[1])
        return shift + np.array([0.0, desk - upper]), desk - 1.0
    return shift + np.array([0.0, missing + 1.0]), None


def _hide_sides(figure: Figure, floor: float, linear: Matrix, shift: Matrix, size: Size) -> Matrix:
    """Moves the person aside until a side that cuts them is outside of the frame."""
    if floor <= figure.whole_to + 1:
        return shift
    ends = linear @ np.array([[0.0, figure.size[0]], [floor, floor]]) + shift[:, None]
    cuts = [figure.cut_left, figure.cut_right]
    if linear[0, 0] < 0:
        ends, cuts = ends[:, ::-1], cuts[::-1]
    moved = shift.copy()
    if cuts[0] and ends[0, 0] > 0:
        moved[0] -= ends[0, 0]
    elif cuts[1] and ends[0, 1] < size[0]:
        moved[0] += size[0] - ends[0, 1]
    return moved
