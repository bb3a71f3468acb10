"""The 8-bit form of weights: from pictures to a file beside the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from app.modnet import eight_bit, weights
from app.modnet.calibrate import SIZES, pictures_of
from app.modnet.statistics import as_input
from app.weights import beside, store
from app.weights.eight_bit import SUFFIX


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
    seen = 0

    def images() -> Iterator[Tensor]:
        nonlocal seen
        for picture in pictures_of(places):
            for size in SIZES:
                yield as_input(picture, size)
            seen += 1
            progress(seen)

    reaches = eight_bit.measure(weights.load(chosen.path).network, images())
    content = eight_bit.to_bytes(reaches, weights_sha256=chosen.sha256, pictures=seen)
    target = beside.path_for(SUFFIX, Path(chosen.name).stem)
    with store.writing(target) as file:
        file.write(content)
    return Quantised(target, seen)
