"""Where head, neck and shoulders are in a cut-out, from its alpha alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.frames import Alpha8

# So much of a column's or row's end must be opaque for the picture's side to cut the person.
_CUT = 0.02
# Of the head's height: how wide a head is at least and at most.
_ASPECT = (0.55, 1.1)
_SMALL = 128  # rows that are looked at


@dataclass(frozen=True)
class Figure:
    """Lengths in the picture's pixels; x to the right, y down.

    Attributes:
        size: (width, height) of the picture.
        box: left, top, right, bottom of what is opaque.
        neck: (x, y), the point about which the head turns.
        head: the head's height, from the top of the hair to the neck.
        cut_left, cut_right, cut_top, cut_bottom: whether that side of the picture cuts the
            person.
        whole_to: down to this y no side cuts the person.
    """

    size: tuple[int, int]
    box: tuple[float, float, float, float]
    neck: tuple[float, float]
    head: float
    cut_left: bool
    cut_right: bool
    cut_top: bool
    cut_bottom: bool
    whole_to: float


def find_figure(alpha: Alpha8) -> Figure | None:
    """None where nobody is in the picture.

    The neck is where the outline is narrowest between the head's widest row and the shoulders;
    with loose hair, which has no such row, it is guessed from the head's width.
    """
    height, width = alpha.shape
    scale = _SMALL / height
    columns = max(8, round(width * scale))
    small = cv2.resize(alpha, (columns, _SMALL), interpolation=cv2.INTER_AREA) > 127
    rows = np.flatnonzero(small.any(axis=1))
    if rows.size < 4 or small.mean() < 0.004:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    across = np.flatnonzero(small.any(axis=0))
    head_x = _middle(small[top : top + max(3, (bottom - top) // 6)])
    runs = np.array([[_run_at(row, head_x)] for row in small], np.float32)
    widths = np.asarray(cv2.GaussianBlur(runs, (0, 0), 1.5), np.float32)[:, 0]
    tall = bottom - top
    # The head's widest row comes before the outline has become twice as wide as above.
    neck_y = _neck_row(widths, top, bottom)
    # A head that is smaller than that was none: a strand of hair, a raised hand.
    head = max(4, neck_y - top, round(0.1 * tall))
    neck_x = _middle(small[max(top, neck_y - max(2, head // 6)) : neck_y + 1], near=head_x)
    margin = max(1, round(_CUT * tall))
    sides = small[top:bottom]
    left, right = (sides[:, side].sum() > margin for side in (0, -1))
    whole = bottom
    for side, cut in ((0, left), (-1, right)):
        if cut:
            whole = min(whole, int(np.flatnonzero(small[:, side])[0]))
    back = 1 / scale
    return Figure(
        size=(width, height),
        box=(
            float(across[0]) * width / columns,
            top * back,
            float(across[-1] + 1) * width / columns,
            bottom * back,
        ),
        neck=(neck_x * width / columns, neck_y * back),
        head=head * back,
        cut_left=bool(left),
        cut_right=bool(right),
        cut_top=bool(small[0].mean() > _CUT),
        cut_bottom=bool(small[-1].mean() > _CUT),
        whole_to=whole * back,
    )


def _neck_row(widths: np.ndarray[tuple[int, ...], np.dtype[np.float32]], top: int, bot: int) -> int:
    tall = bot - top
    head_width = 0.0
    for row in range(top, bot):
        passed = row - top
        head_width = max(head_width, float(widths[row]))
        # A head is seldom more than 1.7 times as high as wide.
        if passed > 1.7 * head_width or passed > 0.75 * tall:
            break
        if passed > 0.9 * head_width and widths[row] < 0.8 * head_width:
            # Past the ears and narrower: follow it down to the narrowest row.
            end = min(bot, row + max(2, int(0.5 * head_width)))
            return row + int(np.argmin(widths[row:end]))
        if passed > 0.7 * tall and widths[row] > 1.6 * head_width:
            break
    early = float(np.max(widths[top : top + max(2, int(0.25 * tall))]))
    low, high = (aspect * max(early, 2.0) for aspect in (1 / _ASPECT[1], 1 / _ASPECT[0]))
    guess = 1.25 * early
    return int(min(bot - 1, top + min(max(guess, low), high, 0.8 * tall)))


def _middle(part: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], near: float = -1.0) -> float:
    columns = np.flatnonzero(part.any(axis=0))
    if not columns.size:
        return near
    if near >= 0:
        counts = part.sum(axis=0)
        return float((counts * np.arange(counts.size)).sum() / counts.sum())
    return float(columns[0] + columns[-1]) / 2


def _run_at(row: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], x: float) -> int:
    """How many pixels of the row are opaque around column x, without a gap."""
    column = round(min(max(x, 0), row.size - 1))
    if not row[column]:
        return 0
    gaps = np.flatnonzero(~row)
    left = gaps[gaps < column]
    right = gaps[gaps > column]
    return int((right[0] if right.size else row.size) - (left[-1] + 1 if left.size else 0))
