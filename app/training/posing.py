"""How somebody moves within their own picture: the warp from the frame back to the still.

The head turns, nods and leans about the neck, and a smooth weight carries the neck and the
shoulders along; the body sways and breathes about the middle of its lower edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from app.training.figure import Figure
from app.training.placement import Placement, Size

Map = npt.NDArray[np.float32]  # (H, W)


@dataclass(frozen=True)
class Pose:
    """What differs from the still; all 0 is the still itself.

    Attributes:
        x, y: the whole person's shift, in heads.
        zoom: how much larger they are, as a share.
        roll: the body's lean, in radians.
        lean: the head's lean to a side, in radians.
        turn: how far the face moves sideways within the head, in heads.
        nod: how far it moves up or down, in heads.
        breath: how far the shoulders rise, in heads.
        smile: 0 is the first expression, 1 the second.
    """

    x: float = 0.0
    y: float = 0.0
    zoom: float = 0.0
    roll: float = 0.0
    lean: float = 0.0
    turn: float = 0.0
    nod: float = 0.0
    breath: float = 0.0
    smile: float = 0.0


STILL = Pose()
# How far each part goes at a usual pace, to both sides.
_REACH = Pose(
    x=0.28, y=0.07, zoom=0.05, roll=0.05, lean=0.14, turn=0.1, nod=0.07, breath=0.015, smile=0.0
)


def one_pose(rng: np.random.Generator) -> Pose:
    """A still's pose by chance: what the person's own picture does not show."""
    return Pose(
        lean=float(rng.normal(0, 0.07)),
        turn=float(rng.normal(0, 0.05)),
        nod=float(rng.normal(0, 0.035)),
        roll=float(rng.normal(0, 0.03)),
    )


@dataclass(frozen=True)
class Motion:
    """A pose over time: each part swings on its own, two sines a part.

    Attributes:
        start: the pose about which it swings.
        reach, periods, phases: one for each field of Pose; periods in frames.
        morphs: from and to which smile it goes, over `length` frames.
        length: frames of the sequence.
    """

    start: Pose
    reach: tuple[float, ...]
    periods: tuple[float, ...]
    phases: tuple[float, ...]
    morphs: tuple[float, float]
    length: int

    @classmethod
    def draw(cls, rng: np.random.Generator, length: int, *, morphs: bool) -> Motion:
        """Slow and fast ones; now and then nothing moves. morphs: two expressions are there."""
        pace = float(np.exp(rng.uniform(math.log(0.25), math.log(3.0))))
        amount = 0.0 if rng.random() < 0.08 else 1.0
        count = len(fields(Pose))
        reach = np.array([getattr(_REACH, part.name) for part in fields(Pose)])
        reach = reach * rng.uniform(0, 1.2, count) * amount
        periods = rng.uniform(14, 50, count) / pace
        phases = rng.uniform(0, 2 * math.pi, count)
        ends = (0.0, 0.0)
        if morphs:
            ends = (float(rng.uniform(0, 0.5)), float(rng.uniform(0.3, 1)))
            ends = ends if rng.random() < 0.5 else (ends[1], ends[0])
        return cls(
            one_pose(rng),
            tuple(reach.tolist()),
            tuple(periods.tolist()),
            tuple(phases.tolist()),
            ends,
            length,
        )

    def at(self, time: float) -> Pose:
        """time: in frames from the sequence's first, also between them."""
        parts: dict[str, float] = {}
        for index, part in enumerate(fields(Pose)):
            angle = 2 * math.pi * time / self.periods[index] + self.phases[index]
            wave = 0.8 * math.sin(angle) + 0.2 * math.sin(2.7 * angle)
            parts[part.name] = getattr(self.start, part.name) + self.reach[index] * wave
        share = time / max(1, self.length - 1)
        eased = share * share * (3 - 2 * share) if 0 < share < 1 else min(max(share, 0.0), 1.0)
        parts["smile"] = self.morphs[0] + (self.morphs[1] - self.morphs[0]) * eased
        return Pose(**parts)


def source_map(placement: Placement, figure: Figure, pose: Pose, size: Size) -> tuple[Map, Map]:
    """For each pixel of the frame where it is in the person's picture: x and y, float32 (H, W)."""
    width, height = size
    head = figure.head
    floor_x = (figure.box[0] + figure.box[2]) / 2
    # The body: sway, zoom and shift about the middle of the lower edge, in the picture's pixels.
    zoom, roll = 1 + pose.zoom, pose.roll
    cos, sin = math.cos(roll) * zoom, math.sin(roll) * zoom
    body = np.array(
        [
            [cos, -sin, floor_x - cos * floor_x + sin * placement.floor + pose.x * head],
            [sin, cos, placement.floor - sin * floor_x - cos * placement.floor + pose.y * head],
            [0, 0, 1],
        ]
    )
    back = np.linalg.inv(np.vstack([placement.matrix, [0, 0, 1]]) @ body)
    xs = np.arange(width, dtype=np.float32)[None]
    ys = np.arange(height, dtype=np.float32)[:, None]
    x = (np.float32(back[0, 0]) * xs + np.float32(back[0, 1]) * ys) + np.float32(back[0, 2])
    y = (np.float32(back[1, 0]) * xs + np.float32(back[1, 1]) * ys) + np.float32(back[1, 2])
    if not (pose.lean or pose.turn or pose.nod or pose.breath):
        return x, y
    neck_x, neck_y = figure.neck
    # 1 in the head, 0 from the shoulders on.
    low = (y - np.float32(neck_y - 0.25 * head)) * np.float32(1 / (0.75 * head))
    low = np.clip(low, 0, 1)
    weight = 1 - low * low * (3 - 2 * low)
    # Far aside of the head nothing moves: another person's shoulder, a raised hand.
    aside = np.clip((np.abs(x - np.float32(neck_x)) / np.float32(head) - 0.9), 0, 1)
    weight *= 1 - aside
    dx, dy = x - np.float32(neck_x), y - np.float32(neck_y)
    c, s = math.cos(-pose.lean), math.sin(-pose.lean)
    new_x = x + weight * ((c - 1) * dx - s * dy)
    new_y = y + weight * (s * dx + (c - 1) * dy)
    if pose.turn or pose.nod:
        # A ball that turns: its middle moves most, its rim stays.
        u = dx * np.float32(1 / (0.5 * head))
        v = (dy + np.float32(0.5 * head)) * np.float32(1 / (0.62 * head))
        ball = weight * np.clip(1 - u * u - v * v, 0, 1)
        new_x -= ball * np.float32(pose.turn * head)
        new_y -= ball * np.float32(pose.nod * head)
    if pose.breath:
        new_y += (1 - weight) * np.float32(pose.breath * head)
    return new_x, new_y
