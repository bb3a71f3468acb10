"""The 8-bit form of weights: from pictures to a file beside the weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.frames import RGB
from app.modnet import eight_bit, weights
from app.modnet.calibrate import SIZES, Counted
from app.modnet.network import MODNet
from app.modnet.statistics import as_input
from app.weights import beside, store
from app.weights.eight_bit import SUFFIX
from app.weights.eight_bit import find as form_of

# Of an adaptation's frames, which resemble each other.
_OF_FRAMES = 6


@dataclass(frozen=True)
class Quantised:
    """path: the file. pictures: how many were measured."""

    path: Path
    pictures: int


def quantise(
    chosen: store.WeightsFile,
    places: Sequence[str],
    *,
    progress: Callable[[int], None] = lambda pictures: None,
) -> Quantised:
    """Measures on the pictures and clips named, or lying in the folders named; writes the file.

    progress: how many pictures were seen. Raises InputError where nothing in `places` can be read
    as pictures, WeightsError for the weights, OutputError where the file cannot be written.
    """
    pictures = Counted(places, progress)
    images = (as_input(picture, size) for picture in pictures for size in SIZES)
    reaches = eight_bit.measure(weights.load(chosen.path).network, images)
    content = eight_bit.to_bytes(reaches, weights_sha256=chosen.sha256, pictures=pictures.seen)
    target = beside.path_for(SUFFIX, Path(chosen.name).stem)
    with store.writing(target) as file:
        file.write(content)
    return Quantised(target, pictures.seen)


def quantise_adapted(
    network: MODNet, frames: Sequence[RGB], path: Path, *, parent: store.WeightsFile
) -> None:
    """Writes the 8-bit form of weights that were adapted, beside them.

    network: what lies in `path`. frames: uint8 RGB (H, W, 3), of one person in one room. So where
    the parent has a form, which has seen many, a reach goes as far as either says. Raises
    OutputError or DiskFull.
    """
    some = frames[:: max(1, len(frames) // _OF_FRAMES)]
    apart = copy.deepcopy(network).cpu().eval()
    reaches = eight_bit.measure(apart, (as_input(frame, SIZES[0]) for frame in some))
    stored = form_of(parent.sha256)
    if stored is not None:
        reaches = eight_bit.wider(reaches, eight_bit.load(stored.path))
    content = eight_bit.to_bytes(reaches, weights_sha256=store.sha256_of(path), pictures=len(some))
    with store.writing(path.with_suffix(SUFFIX)) as file:
        file.write(content)
