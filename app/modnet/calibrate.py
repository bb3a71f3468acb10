"""The statistics of a network's instance norms: from pictures to a file beside the weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from app.errors import MattecamError
from app.frames import RGB
from app.modnet import statistics, weights
from app.modnet.preprocess import AUTO, NetworkSize
from app.sources.open import open_source
from app.sources.pictures import looks_like_picture
from app.weights import statistics as stored
from app.weights import store

# What live runs use: the usual size, and one that a slow machine comes down to.
SIZES = (AUTO, NetworkSize((384, 224)))
# A clip's neighbouring frames say the same again.
_STRIDE, _OF_A_CLIP = 40, 4


def calibrate(
    chosen: store.WeightsFile,
    places: Sequence[str],
    *,
    progress: Callable[[int], None] = lambda pictures: None,
) -> stored.StatisticsFile:
    """Measures on the pictures and clips named, or lying in the folders named; writes the file.

    progress: how many pictures were seen. Raises InputError where nothing in `places` can be read
    as pictures, WeightsError for the weights, OutputError where the file cannot be written.
    """
    pictures = Counted(places, progress)
    measured = statistics.measure(weights.load(chosen.path).network, pictures, SIZES)
    content = statistics.to_bytes(measured, weights_sha256=chosen.sha256, pictures=pictures.seen)
    target = stored.path_for(Path(chosen.name).stem)
    with store.writing(target) as file:
        file.write(content)
    return stored.StatisticsFile(target, store.sha256_of(target), pictures.seen)


class Counted:
    """The pictures of `places`, see `pictures_of`; `seen` tells how many were taken so far."""

    def __init__(self, places: Sequence[str], progress: Callable[[int], None]) -> None:
        self._places = places
        self._progress = progress
        self.seen = 0

    def __iter__(self) -> Iterator[RGB]:
        for picture in pictures_of(self._places):
            self.seen += 1
            self._progress(self.seen)
            yield picture


def pictures_of(places: Sequence[str]) -> Iterator[RGB]:
    """A few frames of each clip, and the pictures; uint8 (H, W, 3). Raises InputError."""
    for place in places:
        folder = Path(place)
        if not os.path.isdir(folder):
            yield from _of_one(place)
            continue
        for path in sorted(folder.iterdir()):
            if path.is_file():
                try:
                    yield from _of_one(str(path))
                except MattecamError:
                    continue  # a folder may hold a note or a licence beside its clips


def _of_one(place: str) -> Iterator[RGB]:
    stride = 1 if looks_like_picture(Path(place)) else _STRIDE
    with open_source(place) as source:
        for frame in islice(source, 0, stride * _OF_A_CLIP, stride):
            yield frame.rgb
