"""What an evaluation found: numbers for JSON, a contact sheet, and curves over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from app.errors import UsageError
from app.evaluation.datasets import Kind
from app.evaluation.metrics import Scores, mean_scores
from app.frames import RGB, Alpha8
from app.outputs.disk import make_parent
from app.outputs.pictures import FORMATS, write_picture

# A ratio's two sides count as at least this, in the metric's own scale, so that a perfect 0 makes
# the geometric mean neither 0 nor infinite.
RATIO_FLOOR = 1e-3

Series = Mapping[str, Sequence[float | None]]

_TILE_HEIGHT = 200
_LABEL_HEIGHT = 18
_PAPER = (250, 250, 250)
_INK = (40, 40, 40)
_FAINT = (215, 215, 215)
_OURS = (200, 60, 30)
_PLAIN = (120, 120, 120)
_PLOT = (420, 160)
CURVES = ("mad", "dtssd", "excess_flicker")


@dataclass(frozen=True)
class Specimen:
    """One frame to look at, no higher than a contact sheet needs it. mad: of this frame, x 1e3."""

    rgb: RGB
    truth: Alpha8
    alpha: Alpha8
    index: int
    mad: float

    @classmethod
    def of(cls, rgb: RGB, truth: Alpha8, alpha: Alpha8, *, index: int, mad: float) -> Specimen:
        """A set may hold a hundred large pictures: what is kept of each is small."""
        rgb, truth, alpha = (np.asarray(_reduced(one), np.uint8) for one in (rgb, truth, alpha))
        return cls(rgb, truth, alpha, index, mad)


@dataclass(frozen=True)
class Judgement:
    """What one chain scored on one item. series: per frame, for the curves; empty for a picture.

    specimen: the frame with the largest MAD.
    """

    scores: Scores
    specimen: Specimen
    series: Series = field(default_factory=dict)


@dataclass(frozen=True)
class ItemReport:
    """One picture or clip. size, network_size: "WxH". baseline: plain MODNet's, if asked for."""

    name: str
    frames: int
    size: str
    network_size: str
    ours: Judgement
    baseline: Judgement | None = None
    dropped: int = 0

    @property
    def ratio(self) -> Scores:
        """ours / baseline, metric by metric; None where either is unknown."""
        if self.baseline is None:
            return {}
        plain = self.baseline.scores
        return {name: ratio(ours, plain.get(name)) for name, ours in self.ours.scores.items()}


@dataclass(frozen=True)
class Report:
    """Every item, and what was run. settings, baseline_settings: plain values for JSON."""

    kind: Kind
    items: Sequence[ItemReport]
    settings: Mapping[str, Any]
    baseline_settings: Mapping[str, Any] | None = None

    @property
    def mean(self) -> Scores:
        return mean_scores([item.ours.scores for item in self.items])

    @property
    def baseline_mean(self) -> Scores:
        return mean_scores([item.baseline.scores for item in self.items if item.baseline])

    @property
    def ratio(self) -> Scores:
        """The geometric mean over items of ours / baseline: one hard clip does not drown them."""
        names = dict.fromkeys(name for item in self.items for name in item.ratio)
        return {
            name: geometric_mean([item.ratio.get(name) for item in self.items]) for name in names
        }

    def as_dict(self) -> dict[str, Any]:
        """For JSON: metrics in the scales of app/evaluation/metrics.py, null where unknown."""
        items = []
        for item in self.items:
            line: dict[str, Any] = {
                "name": item.name,
                "frames": item.frames,
                "size": item.size,
                "network_size": item.network_size,
                **_rounded(item.ours.scores),
            }
            if item.dropped:
                line["dropped"] = item.dropped
            if item.baseline is not None:
                line["baseline"] = _rounded(item.baseline.scores)
                line["ratio"] = _rounded(item.ratio)
            items.append(line)
        found: dict[str, Any] = {"items": items, "mean": _rounded(self.mean)}
        if self.baseline_settings is not None:
            found["baseline"] = {
                "mean": _rounded(self.baseline_mean),
                "settings": dict(self.baseline_settings),
            }
            found["ratio"] = _rounded(self.ratio)
        found["settings"] = dict(self.settings)
        return found


def ratio(ours: float | None, plain: float | None) -> float | None:
    """ours / plain, each counted as at least RATIO_FLOOR."""
    if ours is None or plain is None:
        return None
    return max(ours, RATIO_FLOOR) / max(plain, RATIO_FLOOR)


def geometric_mean(values: Sequence[float | None]) -> float | None:
    """Over the known values, all above 0; None where none is known."""
    logs = [math.log(value) for value in values if value is not None]
    return math.exp(math.fsum(logs) / len(logs)) if logs else None


def _rounded(scores: Scores) -> Scores:
    return {
        name: None if value is None else float(f"{value:.6g}") for name, value in scores.items()
    }


def check_picture_path(path: Path, *, what: str) -> None:
    """Raises UsageError where no picture can be written under this name."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{what} is a picture, so {path} must end in .png or .jpg.")


def write_contact_sheet(report: Report, path: Path) -> None:
    """A row for each item: picture, truth, result, error; with a baseline, its two as well.

    Of a clip, the frame with the largest MAD. Error: red is too much person, blue too little.
    """
    check_picture_path(path, what="A contact sheet")
    rows = [_row(item) for item in report.items]
    width = max(row.shape[1] for row in rows)
    rows = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=_PAPER[0])
        for row in rows
    ]
    make_parent(path)
    write_picture(path, np.ascontiguousarray(np.concatenate(rows)))


def _row(item: ItemReport) -> RGB:
    specimen = item.ours.specimen
    tiles = [
        (_where(item), specimen.rgb),
        ("truth", _grey(specimen.truth)),
        (f"result, MAD {specimen.mad:.1f}", _grey(specimen.alpha)),
        ("error", error_map(specimen)),
    ]
    if item.baseline is not None:
        plain = item.baseline.specimen
        where = "" if plain.index == specimen.index else f" (frame {plain.index})"
        tiles += [
            (f"plain{where}, MAD {plain.mad:.1f}", _grey(plain.alpha)),
            ("its error", error_map(plain)),
        ]
    return np.concatenate([_tile(label, picture) for label, picture in tiles], axis=1)


def _reduced(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if height <= 2 * _TILE_HEIGHT:
        return picture
    size = max(1, round(width * 2 * _TILE_HEIGHT / height)), 2 * _TILE_HEIGHT
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _where(item: ItemReport) -> str:
    return item.name if item.frames == 1 else f"{item.name} frame {item.ours.specimen.index}"


def _tile(label: str, picture: RGB) -> RGB:
    height, width = picture.shape[:2]
    scaled = max(1, round(width * _TILE_HEIGHT / height))
    shrinks = height > _TILE_HEIGHT
    small = cv2.resize(
        picture,
        (scaled, _TILE_HEIGHT),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    tile = Image.new("RGB", (scaled + 4, _TILE_HEIGHT + _LABEL_HEIGHT + 4), _PAPER)
    tile.paste(Image.fromarray(np.asarray(small, np.uint8)), (2, _LABEL_HEIGHT))
    ImageDraw.Draw(tile).text((3, 3), label, _INK, ImageFont.load_default())
    return np.asarray(tile)


def _grey(alpha: Alpha8) -> RGB:
    return np.repeat(alpha[..., None], 3, axis=2)


def error_map(specimen: Specimen) -> RGB:
    """uint8 (H, W, 3): white is right, red too much person, blue too little."""
    error = specimen.alpha.astype(np.int16) - specimen.truth.astype(np.int16)
    # The root makes small errors visible.
    strength = np.sqrt(np.abs(error).astype(np.float32) / 255) * 255
    faded = (255 - strength).astype(np.uint8)
    full = np.full_like(faded, 255)
    much, little = error > 0, error < 0
    return np.stack(
        [
            np.where(little, faded, full),
            np.where(much | little, faded, full),
            np.where(much, faded, full),
        ],
        axis=2,
    )


def write_curves(report: Report, path: Path) -> None:
    """A row for each clip: MAD, dtSSD and excess flicker over time; the baseline in grey."""
    check_picture_path(path, what="A curve")
    width, height = _PLOT
    sheet = Image.new("RGB", (width * len(CURVES), height * len(report.items)), _PAPER)
    for row, item in enumerate(report.items):
        for column, metric in enumerate(CURVES):
            lines = [(_OURS, item.ours.series.get(metric, ()))]
            if item.baseline is not None:
                lines.insert(0, (_PLAIN, item.baseline.series.get(metric, ())))
            plot = _plot(f"{item.name}: {metric}", lines)
            sheet.paste(plot, (column * width, row * height))
    make_parent(path)
    write_picture(path, np.asarray(sheet))


def _plot(
    title: str, lines: Sequence[tuple[tuple[int, int, int], Sequence[float | None]]]
) -> Image.Image:
    width, height = _PLOT
    left, right, top, bottom = 44, width - 8, 20, height - 18
    plot = Image.new("RGB", _PLOT, _PAPER)
    draw = ImageDraw.Draw(plot)
    font = ImageFont.load_default()
    draw.text((left, 4), title, _INK, font)
    known = [value for _, series in lines for value in series if value is not None]
    peak = nice_ceiling(max(known, default=0.0))
    count = max((len(series) for _, series in lines), default=0)
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line((left, y, right, y), _FAINT)
        draw.text((left - 4, y), f"{peak * share:g}", _INK, font, anchor="rm")
    draw.text((left, bottom + 3), "0", _INK, font)
    draw.text((right, bottom + 3), f"frame {max(0, count - 1)}", _INK, font, anchor="ra")
    for colour, series in lines:
        points = [
            (
                left + (right - left) * index / max(1, count - 1),
                bottom - (bottom - top) * value / peak,
            )
            for index, value in enumerate(series)
            if value is not None
        ]
        if len(points) > 1:
            draw.line(points, colour, 2)
        for x, y in points[:1] if len(points) == 1 else ():
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), colour)
    return plot


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ... at or above `value`; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0, 20.0) if step * power >= value)
