"""TensorBoard's log of a run: losses, scores, and pictures of what the branches see."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from app.errors import UsageError
from app.frames import RGB, Alpha8
from app.modnet.network import MODNet
from app.training.data import as_tensor, normalised, size_like
from app.training.progress import Progress
from app.training.validation import Excerpt

# The pictures' area, and how many clips are shown.
_AREA, _SHOWN = 384 * 224, 4


def check() -> None:
    """Raises UsageError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            "tensorboard = true needs TensorBoard; run: python -m pip install -r requirements.txt"
        )


Show = Callable[[Progress, MODNet], None]


@contextmanager
def open_board(folder: Path, excerpts: Sequence[Excerpt]) -> Iterator[Show]:
    """What to call after each step, with the network that was validated."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:

        def write(done: Progress, network: MODNet) -> None:
            writer.add_scalar(f"loss/{done.kind}", done.loss, done.step)
            writer.add_scalar("rate", done.rate, done.step)
            if done.scores is None:
                return
            writer.add_scalar("validation/mad", done.scores.mad, done.step)
            writer.add_scalar("validation/dtssd", done.scores.dtssd, done.step)
            for excerpt in excerpts[:_SHOWN]:
                rgb, truth = excerpt.frames[0]
                strip = branches(network, rgb, truth)
                writer.add_image(excerpt.name, strip, done.step, dataformats="HWC")

        yield write


@torch.no_grad()
def branches(network: MODNet, rgb: RGB, truth: Alpha8) -> RGB:
    """In a row: the picture, its true alpha, F's alpha, S's and D's; uint8 (h, 5 w, 3)."""
    size = size_like(rgb, _AREA)
    picture = as_tensor(rgb, size, network.device)
    found = network.eval().predict_all(normalised(picture))
    true = as_tensor(np.dstack([truth] * 3), size, network.device)
    grown = torch.nn.functional.interpolate(found.semantic, size=picture.shape[2:])
    seen = (one.expand(-1, 3, -1, -1) for one in (found.matte, grown, found.detail))
    strip = torch.cat([picture, true, *seen], dim=3)[0].permute(1, 2, 0).mul(255).round().byte()
    return np.ascontiguousarray(strip.cpu().numpy())
