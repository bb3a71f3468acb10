"""What training looks at: composites made on the fly, pairs, and unlabelled frames.

Pictures are kept in memory as uint8, scaled down to what training needs, and everything drawn by
chance comes from one numpy generator, so that a seed gives the same run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from app.errors import InputError, MattecamError
from app.evaluation.datasets import check_folder, find_stills, pictures_in, read_rgba
from app.frames import RGB, RGBA
from app.sources.open import open_source
from app.sources.pictures import looks_like_picture, read_picture
from app.training.take import shrunk

Size = tuple[int, int]  # (width, height)
Floats = npt.NDArray[np.float32]
# How often a composite shows nobody, and two people.
_NOBODY, _TWO = 0.03, 0.12
# Frames of one clip with alpha.
_OF_A_CLIP = 24
# A side of a picture cuts through the person where so much of it is opaque.
_CUT = 0.02


class Sample(NamedTuple):
    """rgb: float32 (1, 3, H, W) in [0, 1]; alpha: float32 (1, 1, H, W) in [0, 1]."""

    rgb: Tensor
    alpha: Tensor


class Labelled(NamedTuple):
    """A batch with its truth.

    Attributes:
        rgb: float32 (N, 3, H, W) in [0, 1].
        alpha: float32 (N, 1, H, W) in [0, 1].
        evidence: float32 (N, 2, H, W) in [0, 1], how far S, and how far F and D, may learn.
        frames: so many neighboring frames of one sequence follow each other in the batch.
    """

    rgb: Tensor
    alpha: Tensor
    evidence: Tensor
    frames: int = 1


def normalised(rgb: Tensor) -> Tensor:
    """[0, 1] -> the network's [-1, 1]."""
    return rgb * 2 - 1


@dataclass(frozen=True)
class People:
    """People with alpha, and what they are put before.

    cutouts: for each person or clip its pictures, uint8 (H, W, 4), straight alpha. backgrounds:
    uint8 (H, W, 3). pairs: of the cutouts those that have a room of their own around them.
    """

    cutouts: Sequence[Sequence[RGBA]]
    backgrounds: Sequence[RGB]
    pairs: Sequence[RGBA] = ()

    def draw(self, rng: np.random.Generator, size: Size) -> Sample:
        """A composite, or where a pair's turn has come, every other time the pair as it is."""
        share = 0.5 * len(self.pairs) / len(self.cutouts) if self.backgrounds else 1.0
        if not self.pairs or rng.random() >= share:
            return self.composite(rng, size)
        pair = self.pairs[int(rng.integers(len(self.pairs)))]
        cut = _floats(_cut(pair, rng, size, least=0.75))
        return Sample(_tensor(_relit(cut[..., :3], rng)), _tensor(cut[..., 3:]))

    def composite(self, rng: np.random.Generator, size: Size) -> Sample:
        """Somebody, moved, scaled and mirrored, before some room, in light that differs.

        Now and then two people, or nobody.
        """
        picture = _relit(_floats(self._room(rng, size)), rng)
        alpha = np.zeros((size[1], size[0], 1), np.float32)
        chance = rng.random()
        for _ in range(0 if chance < _NOBODY else 2 if chance > 1 - _TWO else 1):
            group = self.cutouts[int(rng.integers(len(self.cutouts)))]
            layer = _floats(_placed(group[int(rng.integers(len(group)))], rng, size))
            colours, own = _relit(layer[..., :3], rng), layer[..., 3:]
            picture = np.clip(colours * own + picture * (1 - own), 0, 1)
            alpha = own + alpha * (1 - own)
        return Sample(_tensor(picture), _tensor(alpha))

    def _room(self, rng: np.random.Generator, size: Size) -> npt.NDArray[np.uint8]:
        """A cut of a room, often with things in it that were cut out of another one."""
        room = _cut(self.backgrounds[int(rng.integers(len(self.backgrounds)))], rng, size)
        if rng.random() < 0.3:
            room = np.asarray(cv2.GaussianBlur(room, (0, 0), rng.uniform(1, 6)), np.uint8)
        width, height = size
        for _ in range(int(rng.integers(0, 4))):
            other = _cut(self.backgrounds[int(rng.integers(len(self.backgrounds)))], rng, size)
            shape = np.zeros((height, width), np.float32)
            centre = int(rng.integers(width)), int(rng.integers(height))
            half = int(rng.uniform(0.03, 0.25) * width), int(rng.uniform(0.05, 0.5) * height)
            if rng.random() < 0.5:
                corners = [(c - h, c + h) for c, h in zip(centre, half, strict=True)]
                (left, right), (top, bottom) = corners
                cv2.rectangle(shape, (left, top), (right, bottom), 1.0, -1)
            else:
                cv2.ellipse(shape, centre, half, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
            soft = cv2.GaussianBlur(shape, (0, 0), rng.uniform(0.6, 2.5))[..., None]
            mixed = room * (1 - soft) + _relit(_floats(other), rng) * 255 * soft
            room = mixed.astype(np.uint8)
        return np.asarray(room, np.uint8)


@dataclass(frozen=True)
class Frames:
    """Frames without alpha, uint8 (H, W, 3): one list for each clip, in order."""

    clips: Sequence[Sequence[RGB]]

    def __len__(self) -> int:
        return sum(map(len, self.clips))

    def draw_rgb(self, rng: np.random.Generator) -> RGB:
        """One frame of one clip, each clip as likely as another, mirrored every other time."""
        clip = self.clips[int(rng.integers(len(self.clips)))]
        rgb = clip[int(rng.integers(len(clip)))]
        return np.ascontiguousarray(rgb[:, ::-1]) if rng.random() < 0.5 else rgb


def as_tensor(rgb: RGB, size: Size, device: torch.device | None = None) -> Tensor:
    """Brought to exactly `size`, a multiple of 32 on each side, as float32 in [0, 1].

    device: where it goes; None leaves it on the processor.
    """
    fitted = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return _tensor(_floats(np.asarray(fitted, np.uint8))).to(device)


def size_like(rgb: RGB, area: int) -> Size:
    """(width, height), multiples of 32, of about `area` pixels in the picture's own shape."""
    height, width = rgb.shape[:2]
    scale = (area / (width * height)) ** 0.5
    return max(32, round(width * scale / 32) * 32), max(32, round(height * scale / 32) * 32)


def read_people(cutouts: Sequence[Path], pairs: Sequence[Path], rooms: Sequence[Path]) -> People:
    """From folders: pictures with alpha (and folders of such frames), image/ beside alpha/, rooms.

    Pairs need no room. Raises InputError where there is no person, or no room for cutouts.
    """
    people = [group for folder in cutouts for group in _cutouts_in(folder)]
    known = [pair.pair() for folder in pairs for pair in find_stills(folder)]
    shown = [shrunk(np.dstack([pair.frame.rgb, pair.truth])) for pair in known]
    backgrounds = [shrunk(rgb) for folder in rooms for rgb in _rooms_in(folder)]
    if not people and not shown:
        named = ", ".join(map(str, (*cutouts, *pairs))) or "nothing"
        raise InputError(
            f"There is no person with alpha in {named}; cutouts are pictures with an alpha "
            "channel, pairs folders with image/ and alpha/."
        )
    if people and not backgrounds:
        named = ", ".join(map(str, rooms)) or "nothing"
        raise InputError(f"There is no background for the cutouts in {named}; add to `rooms`.")
    return People([*people, *([one] for one in shown)], backgrounds, shown)


def read_frames(
    places: Sequence[Path],
    *,
    stride: int = 5,
    limit: int = 200,
    lets_in: Callable[[str], bool] = lambda stem: True,
) -> Frames:
    """Every `stride`-th frame, at most `limit`, of each clip that is named or in a folder named.

    A folder of pictures is one clip. Raises InputError where nothing can be read.
    """
    clips = []
    for place in places:
        for clip in clips_of(place):
            rgbs = list(read_clip(clip, stride, limit)) if lets_in(clip.stem) else []
            if rgbs:
                clips.append(rgbs)
    if not clips:
        named = ", ".join(map(str, places)) or "nothing"
        raise InputError(f"There is no clip that can be read in {named}.")
    return Frames(clips)


def clips_of(place: Path) -> Iterator[Path]:
    """`place` itself where it is a clip or a folder of pictures, and the clips lying in it."""
    if not os.path.isdir(place):
        yield place
        return
    videos = [
        path for path in sorted(place.iterdir()) if path.is_file() and not looks_like_picture(path)
    ]
    # An animation is a clip of its own, and no frame of the folder.
    if any(map(looks_like_picture, pictures_in(place))):
        yield place
    yield from videos


def read_clip(clip: Path, stride: int, limit: int) -> Iterator[RGB]:
    """Every `stride`-th frame, at most `limit`, no larger than training needs."""
    try:
        with open_source(str(clip)) as source:
            for frame in islice(source, 0, stride * limit, stride):
                yield shrunk(frame.rgb)
    except MattecamError:
        if not os.path.isdir(clip.parent) or clip.suffix:
            raise


def _cutouts_in(folder: Path) -> Iterator[Sequence[RGBA]]:
    """A group for each picture, and one for each folder of pictures."""
    check_folder(folder)
    for path in pictures_in(folder):
        rgba = read_rgba(path)
        if rgba is not None:
            yield [shrunk(rgba)]
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = pictures_in(inner)
        # Neighbouring frames of a clip say the same again.
        found = map(read_rgba, paths[:: max(1, len(paths) // _OF_A_CLIP)])
        group = [shrunk(rgba) for rgba in found if rgba is not None]
        if group:
            yield group


def _rooms_in(place: Path) -> Iterator[RGB]:
    if place.is_file():
        if looks_like_picture(place):
            yield read_picture(place)
        else:
            yield from read_clip(place, 40, 6)
        return
    check_folder(place)
    for path in pictures_in(place):
        yield read_picture(path)


def cut_to(rgb: RGB, size: Size) -> RGB:
    """The middle of a picture, in the shape of `size` and as large as it is there."""
    rows, columns = rgb.shape[:2]
    scale = min(columns / size[0], rows / size[1])
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    x, y = (columns - width) // 2, (rows - height) // 2
    return np.ascontiguousarray(rgb[y : y + height, x : x + width])


def _cut(
    room: npt.NDArray[np.uint8], rng: np.random.Generator, size: Size, *, least: float = 0.5
) -> npt.NDArray[np.uint8]:
    """A random cut of a picture in the frame's shape, `least` of the largest one or more."""
    width, height = size
    rows, columns = room.shape[:2]
    largest = min(columns / width, rows / height)
    scale = largest * rng.uniform(least, 1.0)
    cut_w, cut_h = max(1, int(width * scale)), max(1, int(height * scale))
    x = int(rng.integers(columns - cut_w + 1))
    y = int(rng.integers(rows - cut_h + 1))
    cut = room[y : y + cut_h, x : x + cut_w]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    return np.asarray(cv2.resize(np.ascontiguousarray(cut), size, interpolation=cv2.INTER_AREA))


def _placed(person: RGBA, rng: np.random.Generator, size: Size) -> npt.NDArray[np.uint8]:
    """The person somewhere in a transparent frame: from a figure to a head that fills it.

    Where their own picture cuts through them, the frame does, too.
    """
    width, height = size
    if rng.random() < 0.5:
        person = np.ascontiguousarray(person[:, ::-1])
    rows, columns = person.shape[:2]
    shown = person[..., 3] > 127
    top = int(np.argmax(shown.any(axis=1)))
    tall = max(1, rows - top)
    # How tall the person is in the frame; from about 1 on the lower part is outside.
    scale = height * float(np.exp(rng.uniform(np.log(0.6), np.log(2.2)))) / tall
    left_cut, right_cut, bottom_cut = (
        float(side.mean()) > _CUT for side in (shown[:, 0], shown[:, -1], shown[-1])
    )
    if left_cut and right_cut:
        scale = max(scale, width / columns)
    room_above = rng.uniform(-0.03, 0.25) * height
    y = room_above - top * scale
    if bottom_cut:
        y = max(y, height - rows * scale)
    x = rng.uniform(-0.3, 0.3) * width + (width - columns * scale) / 2
    if left_cut:
        x = min(x, 0.0)
    if right_cut:
        x = max(x, width - columns * scale)
    matrix = np.array([[scale, 0, x], [0, scale, y]], np.float64)
    # Premultiplied, so that the colour of what is transparent does not bleed in.
    alpha = person[..., 3:].astype(np.float32) / 255
    layer = np.dstack([person[..., :3].astype(np.float32) * alpha, person[..., 3:]]).astype(
        np.float32
    )
    warped = cv2.warpAffine(layer, matrix, size, flags=cv2.INTER_AREA)
    shown = np.maximum(warped[..., 3:] / 255, 1e-3)
    warped[..., :3] = warped[..., :3] / shown
    return np.clip(warped, 0, 255).astype(np.uint8)


def _relit(picture: Floats, rng: np.random.Generator) -> Floats:
    """Another exposure, contrast and white balance: cheap enough to be done for each frame."""
    gains = rng.uniform(0.75, 1.3) * rng.uniform(0.92, 1.08, 3)
    gamma = rng.uniform(0.8, 1.25)
    return np.clip(np.clip(picture, 0, 1) ** gamma * gains, 0, 1).astype(np.float32)


def _floats(picture: npt.NDArray[np.uint8]) -> Floats:
    return picture.astype(np.float32) / np.float32(255)


def _tensor(picture: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].contiguous()
