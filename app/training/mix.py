"""The training set as a program: which picture comes at which step.

A step's picture follows from (seed, step, process, place in the batch) and from nothing that was
drawn before, so a run that goes on from a checkpoint sees the very same pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from app.training import losses
from app.training.camera_effects import Camera, Recorder
from app.training.composer import Composer, Shot
from app.training.data import Labelled
from app.training.foregrounds import Foregrounds, PictureFile, people_of
from app.training.looks import Teacher, read_looks
from app.training.mix_config import Looks, Mix
from app.training.picture_cache import PictureCache
from app.training.placement import Size
from app.training.rooms import Rooms

Clips = Sequence[Sequence[PictureFile]]
# Streams of chance of their own.
_MIX, _LOOKS = 15485863, 32452843
# A decoded picture's longer side, relative to the largest side of training.
_LONGEST = 1.4


def longest_side(sizes: Sequence[Size]) -> int:
    """How large pictures of people are kept for training at these sizes."""
    return round(_LONGEST * max(max(size) for size in sizes))


@dataclass(frozen=True)
class Mixture:
    """Composites and sequences.

    Attributes:
        composer: makes them.
        mix: what the configuration says.
        sizes: (width, height) of single pictures.
        seed: of the run.
    """

    composer: Composer
    mix: Mix
    sizes: Sequence[Size]
    seed: int

    def draw(self, *, step: int, rank: int, batch: int) -> Labelled:
        """The batch of that step; each sequence counts as one of the batch."""
        rng = np.random.default_rng([self.seed, _MIX, step, rank])
        frames, sizes = 1, self.sizes
        if rng.random() < self.mix.sequences:
            frames = int(rng.integers(self.mix.frames[0], self.mix.frames[1] + 1))
            sizes = self.mix.sequence_sizes or sizes
        size = sizes[int(rng.integers(len(sizes)))]
        shots = [self.composer.shot(one, size, frames=frames) for one in rng.spawn(batch)]
        return as_batch(shots, frames)


def as_batch(shots: Sequence[Shot], frames: int) -> Labelled:
    """Shots of one size, one after the other."""

    def stacked(parts: list[npt.NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2).contiguous()

    rgb = [picture for shot in shots for picture in shot.rgb]
    alpha = [one[..., None] for shot in shots for one in shot.alpha]
    full = np.ones((*alpha[0].shape[:2], 2), np.float32)
    evidence = [one for shot in shots for one in (shot.evidence or [full] * len(shot.rgb))]
    pictures = torch.from_numpy(np.stack(rgb)).permute(0, 3, 1, 2).contiguous()
    return Labelled(pictures.float() / 255, stacked(alpha), stacked(evidence), frames)


@dataclass(frozen=True)
class Distillation:
    """Pictures with what several looks of the teacher agree on.

    Attributes:
        places: for each place its clips; places are drawn alike, and clips within a place.
        foregrounds: decodes them.
        band: the weight of F and D around the teacher's edge.
        sizes, seed: as in Mixture.
    """

    places: Sequence[Clips]
    foregrounds: Foregrounds
    band: float
    sizes: Sequence[Size]
    seed: int

    def draw(self, *, step: int, rank: int, batch: int) -> Labelled:
        """The batch of that step."""
        rng = np.random.default_rng([self.seed, _LOOKS, step, rank])
        size = self.sizes[int(rng.integers(len(self.sizes)))]
        found = as_batch([self._shot(one, size) for one in rng.spawn(batch)], 1)
        radius = losses.band_radius(*found.alpha.shape[2:])
        edge = losses.unknown_band(found.alpha, radius)
        evidence = found.evidence.clone()
        evidence[:, 1:] *= 1 - (1 - self.band) * edge
        return found._replace(evidence=evidence)

    def _shot(self, rng: np.random.Generator, size: Size) -> Shot:
        clips = self.places[int(rng.integers(len(self.places)))]
        clip = clips[int(rng.integers(len(clips)))]
        picture = self.foregrounds.read(clip[int(rng.integers(len(clip)))])
        assert picture.scene is not None
        assert picture.evidence is not None
        alpha = np.ascontiguousarray(picture.rgba[..., 3])
        parts = _part(rng, size, [picture.scene, alpha, picture.evidence])
        scene, alpha, evidence = parts
        seen = scene.astype(np.float32) * np.float32(1 / 255)
        rgb = Recorder(Camera.draw(rng, size[1])).add(seen, rng)
        scaled = [one.astype(np.float32) * np.float32(1 / 255) for one in (alpha, evidence)]
        return Shot([rgb], [scaled[0]], [scaled[1]])


def _part(
    rng: np.random.Generator, size: Size, pictures: Sequence[npt.NDArray[np.uint8]]
) -> list[npt.NDArray[np.uint8]]:
    """The same part of each, in the shape of `size` and at that size, every other time mirrored.

    Mostly nearly all of it; now and then a small part, where somebody fills the picture.
    """
    rows, columns = pictures[0].shape[:2]
    largest = min(columns / size[0], rows / size[1])
    scale = largest * float(rng.uniform(0.8, 1.0) if rng.random() < 0.75 else rng.uniform(0.5, 0.8))
    width, height = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    x = int(rng.integers(columns - width + 1))
    # Heads are in the upper half of a picture that is cut.
    y = int((rows - height) * float(rng.uniform(0, 1)) ** 1.5)
    flip = rng.random() < 0.5
    found = []
    for picture in pictures:
        part = picture[y : y + height, x : x + width]
        part = np.ascontiguousarray(part[:, ::-1] if flip else part)
        kind = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
        found.append(np.asarray(cv2.resize(part, size, interpolation=kind), np.uint8))
    return found


def read_mixture(mix: Mix, teacher: Teacher, sizes: Sequence[Size], seed: int) -> Mixture:
    """Raises InputError for what cannot be read, WeightsError for the teacher."""
    cache = PictureCache(mix.cache_mb << 20)
    foregrounds = Foregrounds(
        [(source.share, people_of(source, teacher.people)) for source in mix.people],
        teacher.longest,
        cache,
    )
    backdrops = Rooms(mix.rooms, teacher.longest, cache) if mix.rooms else None
    return Mixture(Composer(foregrounds, backdrops, mix), mix, sizes, seed)


def read_distillation(
    told: Looks, teacher: Teacher, sizes: Sequence[Size], seed: int, cache_mb: int
) -> Distillation:
    """Raises InputError for what cannot be read, WeightsError for the teacher."""
    found = read_looks(told, teacher)
    foregrounds = Foregrounds([], teacher.longest, PictureCache(cache_mb << 20))
    return Distillation(found, foregrounds, told.band, sizes, seed)
