"""One person as a transparent layer of the frame, sharp or blurred by their motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGBA
from app.training.figure import Figure, find_figure
from app.training.foregrounds import Evidence, Foregrounds, Person, Picture, PictureFile
from app.training.placement import Placement, Size
from app.training.posing import Map, Pose, source_map

Floats = npt.NDArray[np.float32]
# A picture that is shrunk by more than this is halved before, so that hair does not alias.
_SHARPEST = 0.7
_MOST_HALVINGS = 4
# A cut side's outermost rows, which resizing may have left half transparent.
_RIM = 2.0
# Longer sides than this are not needed to see how a face moves from one expression to another.
_FLOW_SIDE = 320


class Layer(NamedTuple):
    """One person in the frame.

    Attributes:
        color: float32 (H, W, 3) in [0, 1], premultiplied.
        alpha: float32 (H, W, 1) in [0, 1].
        evidence: float32 (H, W, 2) in [0, 1], how far S, and F and D, may learn from alpha; None
            where it is true everywhere.
    """

    color: Floats
    alpha: Floats
    evidence: Floats | None


@dataclass(frozen=True)
class Actor:
    """A person with the pictures that one composite or sequence shows of them.

    Attributes:
        pictures: the stills that a pose mixes, one or two; of a clip one for each frame.
        figure: of the first picture.
        moves: whether the pictures are frames of a clip.
        changed: whether the pictures differ from the files.
    """

    foregrounds: Foregrounds
    person: Person
    files: tuple[PictureFile, ...]
    pictures: tuple[Picture, ...]
    figure: Figure
    moves: bool
    changed: bool = False


def cast(
    foregrounds: Foregrounds, person: Person, rng: np.random.Generator, frames: int
) -> Actor | None:
    """The person for so many frames; None where the picture shows nobody.

    A clip gives neighboring frames from a place by chance; of a still one or two expressions.
    """
    if person.moves:
        count = min(frames, len(person.files))
        first = int(rng.integers(len(person.files) - count + 1))
        files = person.files[first : first + count]
    elif frames > 1 and len(person.files) > 1:
        chosen = rng.permutation(len(person.files))[:2]
        files = tuple(person.files[int(index)] for index in chosen)
    else:
        files = (person.files[int(rng.integers(len(person.files)))],)
    pictures = tuple(foregrounds.read(file) for file in files)
    figure = find_figure(pictures[0].rgba[..., 3])
    if figure is None:
        return None
    return Actor(foregrounds, person, files, pictures, figure, person.moves)


def draw_layer(
    actor: Actor, frame: int, placement: Placement, poses: Sequence[Pose], size: Size
) -> Layer:
    """The person at the mean of `poses`, which lie within one exposure. frame: of a clip."""
    color = np.zeros((size[1], size[0], 3), np.float32)
    alpha = np.zeros((size[1], size[0], 1), np.float32)
    evidence: Floats | None = None
    for pose in poses:
        maps = source_map(placement, actor.figure, pose, size)
        seen = _sampled(actor, frame, placement, maps, pose.smile)
        color += seen.color
        alpha += seen.alpha
        if seen.evidence is not None:
            # What is unsure at any moment of the exposure is unsure.
            evidence = seen.evidence if evidence is None else np.minimum(evidence, seen.evidence)
    share = np.float32(1 / len(poses))
    return Layer(color * share, alpha * share, evidence)


def _sampled(
    actor: Actor, frame: int, placement: Placement, maps: tuple[Map, Map], smile: float
) -> Layer:
    index = min(frame, len(actor.pictures) - 1) if actor.moves else 0
    if actor.moves or len(actor.pictures) < 2 or smile == 0:
        return _looked_up(actor, index, placement, maps)
    flow = _flow_between(actor)
    height, width = actor.pictures[0].rgba.shape[:2]
    scale = flow.shape[1] / width
    small_x, small_y = (one * np.float32(scale) for one in maps)
    moved = cv2.remap(flow, small_x, small_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved = np.asarray(moved, np.float32) * np.float32(1 / scale)
    first = _looked_up(
        actor,
        0,
        placement,
        (maps[0] - np.float32(smile) * moved[..., 0], maps[1] - np.float32(smile) * moved[..., 1]),
    )
    rest = np.float32(1 - smile)
    other_height, other_width = actor.pictures[1].rgba.shape[:2]
    stretch = np.float32(other_width / width), np.float32(other_height / height)
    second = _looked_up(
        actor,
        1,
        placement,
        (
            (maps[0] + rest * moved[..., 0]) * stretch[0],
            (maps[1] + rest * moved[..., 1]) * stretch[1],
        ),
    )
    keep = np.float32(smile)
    return Layer(
        first.color * rest + second.color * keep, first.alpha * rest + second.alpha * keep, None
    )


def _looked_up(actor: Actor, index: int, placement: Placement, maps: tuple[Map, Map]) -> Layer:
    picture, figure = actor.pictures[index], actor.figure
    rgba, halved = _halved(actor, index, placement.scale)
    height, width = picture.rgba.shape[:2]
    x, y = maps
    # What a side of the picture cuts off goes on beyond it, so that no cut ever shows.
    if figure.cut_bottom or placement.floor < figure.box[3] - 1:
        y = np.minimum(y, np.float32(min(height - 1.0, placement.floor - 1.0) - _RIM))
    if figure.cut_top:
        y = np.maximum(y, np.float32(_RIM))
    if figure.cut_left:
        x = np.maximum(x, np.float32(_RIM))
    if figure.cut_right:
        x = np.minimum(x, np.float32(width - 1 - _RIM))
    if halved:
        ratio = np.float32(rgba.shape[1] / width), np.float32(rgba.shape[0] / height)
        x = (x + np.float32(0.5)) * ratio[0] - np.float32(0.5)
        y = (y + np.float32(0.5)) * ratio[1] - np.float32(0.5)
    seen = np.asarray(cv2.remap(rgba, x, y, cv2.INTER_LINEAR), np.float32) * np.float32(1 / 255)
    alpha = seen[..., 3:]
    evidence: Floats | None = None
    if picture.evidence is not None:
        smaller = _evidence_like(picture.evidence, rgba)
        found = cv2.remap(
            smaller, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(255, 255)
        )
        evidence = np.asarray(found, np.float32) * np.float32(1 / 255)
    return Layer(seen[..., :3] * alpha, alpha, evidence)


def _halved(actor: Actor, index: int, scale: float) -> tuple[RGBA, bool]:
    times = 0
    while scale < _SHARPEST and times < _MOST_HALVINGS:
        scale, times = scale * 2, times + 1
    rgba = actor.pictures[index].rgba
    if not times:
        return rgba, False

    def make() -> RGBA:
        small = rgba
        for _ in range(times):
            size = max(1, small.shape[1] // 2), max(1, small.shape[0] // 2)
            small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
        return small

    if actor.changed:
        return make(), True
    return actor.foregrounds.cached((actor.files[index], "halved", times), make), True


def _evidence_like(evidence: Evidence, rgba: RGBA) -> Evidence:
    size = rgba.shape[1], rgba.shape[0]
    if (evidence.shape[1], evidence.shape[0]) == size:
        return evidence
    return np.asarray(cv2.resize(evidence, size, interpolation=cv2.INTER_AREA), np.uint8)


def _flow_between(actor: Actor) -> Floats:
    """How the first expression moves to the second: float32 (h, w, 2), in small pixels.

    first(x) is second(x + flow(x)), both at the first one's size.
    """

    def make() -> Floats:
        first, second = actor.pictures[0].rgba, actor.pictures[1].rgba
        scale = min(1.0, _FLOW_SIDE / max(first.shape[:2]))
        size = max(16, round(first.shape[1] * scale)), max(16, round(first.shape[0] * scale))
        grays = []
        for rgba in (first, second):
            small = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.float32)
            # Before one gray, so that the outline moves along.
            gray = small[..., :3].mean(axis=2)
            share = small[..., 3] / 255
            grays.append((gray * share + 128 * (1 - share)).astype(np.uint8))
        flow = np.zeros((size[1], size[0], 2), np.float32)
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flow = np.asarray(dis.calc(grays[0], grays[1], flow), np.float32)
        smooth = cv2.GaussianBlur(flow, (0, 0), 9)
        return np.asarray(smooth, np.float32)

    return actor.foregrounds.cached((*actor.files, "flow"), make)  # type: ignore[arg-type,return-value]
