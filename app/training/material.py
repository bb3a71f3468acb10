"""What a run learns from: which kind of picture at which step, and the batch of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from app.training import data, mix
from app.training.augment import Augmentation
from app.training.config import TrainingConfig, Unlabelled
from app.training.looks import Told, teacher_of
from app.training.mix import Distillation, Mixture
from app.training.mix_config import lets_in

# Streams of chance beside the one that draws pictures, so that they do not shift it.
_KINDS, _CHANGES = 7919, 104729
# MiB for decoded pictures where the configuration does not say.
_CACHE_MB = 512


@dataclass(frozen=True)
class Batch:
    """rgb: float32 (N, 3, H, W) in [0, 1]; alpha: float32 (N, 1, H, W), not with "soc", "distil".

    evidence, frames: as in app/training/mix.py, with "mix" and "looks" only.
    """

    kind: str
    rgb: Tensor
    alpha: Tensor | None
    evidence: Tensor | None = None
    frames: int = 1


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
    mixture: Mixture | None = None
    distillation: Distillation | None = None

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
        if kind in ("mix", "looks"):
            drawn = self.mixture if kind == "mix" else self.distillation
            assert drawn is not None
            found = drawn.draw(step=step, rank=rank, batch=self.batch)
            rgb, alpha, evidence = (part.to(device) for part in found[:3])
            return Batch(kind, rgb, alpha, evidence, found.frames)
        frames = self.soc if kind == "soc" else self.distil
        assert frames is not None
        return Batch(kind, self._unlabelled(frames, rng).to(device), None)

    def sample(self, rng: np.random.Generator) -> data.Sample:
        """A batch of pictures with true alpha, as they are before kornia changes them."""
        if self.people is None:
            assert self.mixture is not None
            step = int(rng.integers(2**31))
            found = self.mixture.draw(step=step, rank=0, batch=self.batch)
            return data.Sample(found.rgb, found.alpha)
        size = self._size(rng)
        samples = [self.people.draw(rng, size) for _ in range(self.batch)]
        rgb, alpha = zip(*samples, strict=True)
        return data.Sample(torch.cat(rgb), torch.cat(alpha))

    @property
    def has_alpha(self) -> bool:
        """Whether there are pictures with true alpha."""
        return self.people is not None or self.mixture is not None

    def unlabelled(self, rng: np.random.Generator) -> Tensor:
        """A batch of pictures without alpha."""
        frames = self.soc or self.distil
        if frames is None:
            assert self.distillation is not None
            step = int(rng.integers(2**31))
            return self.distillation.draw(step=step, rank=0, batch=self.batch).rgb
        return self._unlabelled(frames, rng)

    def _unlabelled(self, frames: data.Frames, rng: np.random.Generator) -> Tensor:
        width, height = size = self._size(rng)
        drawn = [frames.draw_rgb(rng) for _ in range(self.batch)]
        if len(drawn) == 1:
            return data.as_tensor(drawn[0], data.size_like(drawn[0], width * height))
        return torch.cat([data.as_tensor(data.cut_to(rgb, size), size) for rgb in drawn])

    def _size(self, rng: np.random.Generator) -> data.Size:
        return self.sizes[int(rng.integers(len(self.sizes)))]


def read(config: TrainingConfig, say: Told = lambda text: None) -> Material:
    """Raises InputError for what cannot be read, UsageError where kornia is missing.

    say: hears what takes long.
    """
    people = soc = distil = None
    shares = {}
    if config.supervised is not None:
        part = config.supervised
        people = data.read_people(part.cutouts, part.pairs, part.rooms)
        shares["supervised"] = part.share
    if config.soc is not None:
        soc = _frames_of(config.soc)
        shares["soc"] = config.soc.share
    if config.distil is not None:
        distil = _frames_of(config.distil)
        shares["distil"] = config.distil.share
    mixture = distillation = None
    if config.mix is not None or config.looks is not None:
        teacher = teacher_of(config.looks, mix.longest_side(config.sizes), say)
        cache_mb = config.mix.cache_mb if config.mix is not None else _CACHE_MB
        if config.mix is not None:
            mixture = mix.read_mixture(config.mix, teacher, config.sizes, config.seed)
            shares["mix"] = config.mix.share
        if config.looks is not None:
            distillation = mix.read_distillation(
                config.looks, teacher, config.sizes, config.seed, cache_mb
            )
            shares["looks"] = config.looks.share
    augmentation = Augmentation(config.augment) if config.augment is not None else None
    return Material(
        people,
        soc,
        distil,
        shares,
        augmentation,
        config.sizes,
        config.batch,
        config.seed,
        mixture,
        distillation,
    )


def _frames_of(told: Unlabelled) -> data.Frames:
    return data.read_frames(
        told.clips,
        stride=told.stride,
        limit=told.limit,
        lets_in=lambda stem: lets_in(stem, told.only, told.without),
    )
