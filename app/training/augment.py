"""What kornia does to pictures with true alpha: mirror, scale, other colours.

kornia is plain torch, so a batch is changed where it lies. Which change it is follows from a seed
for each step, not from what was drawn before: a resumed run sees the same pictures.
"""

from __future__ import annotations

import importlib.util

import torch

from app.errors import UsageError
from app.training.config import Augment
from app.training.data import Sample


class Augmentation:
    """Raises UsageError where kornia is not installed."""

    def __init__(self, wanted: Augment) -> None:
        if importlib.util.find_spec("kornia") is None:
            raise UsageError(
                "[augment] needs kornia; run: python -m pip install -r requirements.txt"
            )
        # It takes seconds to import, and only training needs it.
        from kornia import augmentation as kornia
        from kornia.constants import DataKey, Resample

        self._change = kornia.AugmentationSequential(
            kornia.RandomHorizontalFlip(p=wanted.flip),
            # What comes in at the sides repeats the last row: black bars would be learned.
            kornia.RandomAffine(degrees=0.0, scale=wanted.scale, padding_mode="border", p=1.0),
            kornia.ColorJitter(
                wanted.brightness, wanted.contrast, wanted.saturation, wanted.hue, p=1.0
            ),
            data_keys=["input", "mask"],
            extra_args={DataKey.MASK: {"resample": Resample.BILINEAR, "align_corners": False}},
        )

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """The pictures of a batch, each changed in its own way; alpha moves with its picture."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            rgb, alpha = self._change(sample.rgb, sample.alpha)
        return Sample(rgb.clamp(0, 1), alpha.clamp(0, 1))
