"""How good a network in training is, on clips with true alpha that it does not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from app.errors import InputError
from app.evaluation import metrics
from app.evaluation.datasets import find_clips
from app.frames import RGB, Alpha, Alpha8
from app.modnet.network import MODNet
from app.modnet.preprocess import AUTO, NetworkSize, crop, fit, grid_for


@dataclass(frozen=True)
class Excerpt:
    """Neighbouring frames of a clip with their true alpha."""

    name: str
    frames: Sequence[tuple[RGB, Alpha8]]


@dataclass(frozen=True)
class Scores:
    """Means over clips, x 1e3 and x 1e2 as in app/evaluation/metrics.py. by_clip: name -> MAD.

    items: of each item of a kind its scores, by KIND/ITEM; without clips the means are theirs.
    """

    mad: float
    dtssd: float
    by_clip: dict[str, float]
    items: dict[str, dict[str, float]] = field(default_factory=dict)


def read_excerpts(folders: Sequence[Path], frames: int) -> Sequence[Excerpt]:
    """The first frames of every clip. Raises InputError where there is none."""
    found = []
    for folder in folders:
        for clip in find_clips(folder):
            pairs = [
                (pair.frame.rgb, pair.truth) for pair in clip.pairs(limit=frames, rate=Fraction(25))
            ]
            if len(pairs) > 1:
                found.append(Excerpt(clip.name, pairs))
    if not found:
        raise InputError("There is no clip with alpha to validate on.")
    return found


def alpha_of(network: MODNet, rgb: RGB, size: NetworkSize = AUTO) -> Alpha:
    """The plain matte at the picture's size: float32 (H, W) in [0, 1]."""
    alpha = grid_alpha(network, rgb, size)
    return np.asarray(
        cv2.resize(alpha, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    )


@torch.no_grad()
def grid_alpha(network: MODNet, rgb: RGB, size: NetworkSize = AUTO) -> Alpha:
    """The matte on the network's grid, padding cropped away: float32 (h, w) in [0, 1]."""
    grid = grid_for((rgb.shape[1], rgb.shape[0]), size)
    width, height = grid.padded
    fitted = torch.empty((height, width, 3), dtype=torch.uint8)
    fit(rgb, grid, fitted.numpy())
    image = fitted.to(network.device).permute(2, 0, 1)[None].float() / 127.5 - 1
    return crop(network.eval()(image)[0, 0].cpu().numpy(), grid)


def validate(network: MODNet, excerpts: Sequence[Excerpt]) -> Scores:
    """MAD and dtSSD of the network alone, with no filter after it."""
    mads: dict[str, float] = {}
    motion = []
    for excerpt in excerpts:
        before: tuple[Alpha, Alpha] | None = None
        errors = []
        for rgb, truth in excerpt.frames:
            alpha, true = alpha_of(network, rgb), metrics.from_uint8(truth)
            errors.append(metrics.mad(alpha, true) or 0.0)
            if before is not None:
                motion.append(metrics.dtssd(before[0], alpha, before[1], true) or 0.0)
            before = alpha, true
        mads[excerpt.name] = sum(errors) / len(errors)
    return Scores(sum(mads.values()) / len(mads), sum(motion) / len(motion), mads)
