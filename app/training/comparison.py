"""Pictures of before and after, by the steps of a live run, for the user to decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.backgrounds import create_background
from app.compositing import Compositing
from app.frames import RGB, Composite, Frame, Matte
from app.modnet.network import MODNet
from app.refine.refine import Refine
from app.system.files import PRIVATE_FOLDER, write_private
from app.temporal.base import temporal_filters
from app.training.validation import grid_alpha
from app.weights import store

# Of the held-out frames, so many are shown.
_SHOWN = 8
# A plain surface, on which what is cut wrongly stands out.
_BACKGROUND = "color:#00b140"
_RATE = 25.0
_JPEG = 92


def write(
    folder: Path, before: MODNet, after: MODNet, frames: Sequence[RGB], *, temporal: str = "steady"
) -> None:
    """NN-before-composite.jpg, NN-after-composite.jpg, and the same with -matte.

    frames: in a row, uint8 RGB (H, W, 3). Raises OutputError, DiskFull.
    """
    shown = sorted({round(at) for at in np.linspace(0, len(frames) - 1, _SHOWN)})
    for when, network in (("before", before), ("after", after)):
        for index, composite in enumerate(_composites(network, frames, temporal)):
            if index not in shown or composite.rgb is None:
                continue
            start = f"{shown.index(index):02d}-{when}"
            _save(folder / f"{start}-composite.jpg", composite.rgb)
            _save(folder / f"{start}-matte.jpg", composite.cutout.alpha)


def _composites(network: MODNet, frames: Sequence[RGB], temporal: str) -> Iterator[Composite]:
    """One for each frame, in order."""
    filter_ = temporal_filters.create_from_spec(temporal)
    refine = Refine(colours=True)
    mattes: list[Matte] = []
    for index, rgb in enumerate(frames):
        matte = Matte(Frame(rgb, index, index / _RATE), grid_alpha(network, rgb))
        mattes.extend(filter_.push(matte))
    mattes.extend(filter_.flush())
    with Compositing(create_background(_BACKGROUND)) as compositing:
        for matte in mattes:
            for cutout in refine.push(matte):
                yield from compositing.push(cutout)


def _save(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    try:
        path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_private(path, coded.tobytes())
    except OSError as error:
        raise store.output_error(path, error) from error
