"""What a run learns from: which kind of picture at which step, and the batch of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from app.training import data
from app.training.augment import Augmentation
from app.training.config import TrainingConfig

# Streams of chance beside the one that draws pictures, so that they do not shift it.
_KINDS, _CHANGES = 7919, 104729


@dataclass(frozen=True)
class Batch:
    """rgb: float32 (N, 3, H, W) in [0, 1]; alpha: float32 (N, 1, H, W), with "supervised" only."""

    kind: str
    rgb: Tensor
    alpha: Tensor | None


@dataclass(frozen=True)
class Material:
    """shares: kind -> how often, beside the others."""

    people: data.People | None
    soc: data.Frames | None
    distil: data.Frames | None
    shares: dict[str, float]
    augmentation: Augmentation | None
    sizes: Sequence[data.Size]
    batch: int
    seed: int

    def kind(self, step: int) -> str:
        """The same in every process, and after a resume."""
        names = sorted(self.shares)
        total = sum(self.shares.values())
        chances = [self.shares[name] / total for name in names]
        return str(np.random.default_rng([self.seed, _KINDS, step]).choice(names, p=chances))

    def draw(
        self, rng: np.random.Generator, *, step: int, rank: int, device: torch.device
    ) -> Batch:
        kind = self.kind(step)
        if kind == "supervised":
            sample = self.sample(rng)
            sample = data.Sample(sample.rgb.to(device), sample.alpha.to(device))
            if self.augmentation is not None:
                changes = np.random.default_rng([self.seed, _CHANGES, step, rank])
                sample = self.augmentation(sample, int(changes.integers(2**31)))
            return Batch(kind, sample.rgb, sample.alpha)
        frames = self.soc if kind == "soc" else self.distil
        assert frames is not None
        return Batch(kind, self._unlabelled(frames, rng).to(device), None)

    def sample(self, rng: np.random.Generator) -> data.Sample:
        """A batch of pictures with true alpha, as they are before kornia changes them."""
        assert self.people is not None
        size = self._size(rng)
        samples = [self.people.draw(rng, size) for _ in range(self.batch)]
        rgb, alpha = zip(*samples, strict=True)
        return data.Sample(torch.cat(rgb), torch.cat(alpha))

    def unlabelled(self, rng: np.random.Generator) -> Tensor:
        """A batch of pictures without alpha."""
        frames = self.soc or self.distil
        assert frames is not None
        return self._unlabelled(frames, rng)

    def _unlabelled(self, frames: data.Frames, rng: np.random.Generator) -> Tensor:
        width, height = size = self._size(rng)
        drawn = [frames.draw_rgb(rng) for _ in range(self.batch)]
        if len(drawn) == 1:
            return data.as_tensor(drawn[0], data.size_like(drawn[0], width * height))
        return torch.cat([data.as_tensor(data.cut_to(rgb, size), size) for rgb in drawn])

    def _size(self, rng: np.random.Generator) -> data.Size:
        return self.sizes[int(rng.integers(len(self.sizes)))]


def read(config: TrainingConfig) -> Material:
    """Raises InputError for what cannot be read, UsageError where kornia is missing."""
    people = soc = distil = None
    shares = {}
    if config.supervised is not None:
        part = config.supervised
        people = data.read_people(part.cutouts, part.pairs, part.rooms)
        shares["supervised"] = part.share
    if config.soc is not None:
        soc = data.read_frames(config.soc.clips, stride=config.soc.stride, limit=config.soc.limit)
        shares["soc"] = config.soc.share
    if config.distil is not None:
        other = config.distil
        distil = data.read_frames(other.clips, stride=other.stride, limit=other.limit)
        shares["distil"] = other.share
    augmentation = Augmentation(config.augment) if config.augment is not None else None
    return Material(
        people, soc, distil, shares, augmentation, config.sizes, config.batch, config.seed
    )
