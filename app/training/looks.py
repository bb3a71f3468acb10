"""What several looks of a teacher agree on, for pictures without alpha: made once and kept.

Cache: FOLDER/<the first digits of the teacher's SHA-256>/<SHA-256 of the pixels>.jpg and .png, the
picture and its (alpha, doubt). A name that follows from teacher and pixels needs no list: what is
there is right, and what is missing is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.errors import InputError
from app.evaluation.datasets import pictures_in
from app.frames import RGB, Alpha8
from app.modnet.network import MODNet
from app.outputs.disk import output_error
from app.sources.pictures import looks_like_picture
from app.system.files import atomic_file, make_private_folder
from app.training import data, heads, mix_config, views
from app.training.foregrounds import Person, PictureFile, chosen, grouped, person_key
from app.training.mix_config import Looks, Source
from app.weights import store

# Part of the name in the cache: to be changed with anything that changes what is stored.
_VERSION = "1"
# From this spread of the looks on nothing is to be learned.
_APART = 0.5
# Looks that are left out at each end before the spread is taken.
_TRIMMED = 1
_QUALITY = 95

Told = Callable[[str], None]


def agreement(alphas: npt.NDArray[np.float32]) -> tuple[Alpha8, Alpha8]:
    """(alpha, doubt), each uint8 (H, W), of the looks (N, H, W).

    alpha is their median; doubt is 255 where they lie further apart than half of the range, the
    lowest and the highest look left out.
    """
    ordered = np.sort(alphas, axis=0)
    alpha = np.median(ordered, axis=0)
    spread = ordered[-1 - _TRIMMED] - ordered[_TRIMMED]
    doubt = np.clip(spread / _APART, 0, 1)
    return (
        np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8),
        np.rint(doubt * 255).astype(np.uint8),
    )


@dataclass(frozen=True)
class Teacher:
    """A teacher and where its mattes are kept.

    Attributes:
        weights: whose looks.
        folder: of the cache, for every teacher.
        longest: the longer side of what is kept, in pixels.
        told: hears what is being made, since that takes seconds a picture.
    """

    weights: store.WeightsFile
    folder: Path
    longest: int
    told: Told = lambda text: None

    @cached_property
    def _network(self) -> MODNet:
        network, _ = heads.load(self.weights)
        return network.eval().requires_grad_(False)

    def kept(self, rgb: RGB, of: str = "a picture") -> PictureFile:
        """The picture and its agreed matte in the cache; made where they are missing.

        of: whose frame it is, for `told`. Raises OutputError, DiskFull.
        """
        digest = hashlib.sha256(f"{_VERSION} {self.longest} {rgb.shape}".encode())
        digest.update(np.ascontiguousarray(rgb).tobytes())
        place = self.folder / self.weights.sha256[:16] / digest.hexdigest()[:32]
        image, matte = place.with_suffix(".jpg"), place.with_suffix(".png")
        # The matte is written last: where it is, the picture is, too.
        if not matte.is_file():
            self.told(f"The teacher looks at {of}")
            alpha, doubt = agreement(views.looks(self._network, rgb))
            scale = min(1.0, self.longest / max(rgb.shape[:2]))
            size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
            stored = [
                np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.uint8)
                for one in (rgb, np.dstack([alpha, doubt, np.zeros_like(alpha)]))
            ]
            _write(image, stored[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            _write(matte, stored[1], [])
        return PictureFile(image, matte, "agreed")

    def people(self, source: Source) -> Sequence[Person]:
        """The people of a source of the kind "agreed": pictures, and clips that move."""
        stills: list[tuple[str, PictureFile]] = []
        found: list[Person] = []
        for clip, frames in _shown(source.folder, source.stride, source.limit):
            if not chosen(source, clip.stem):
                continue
            files = tuple(self.kept(rgb, clip.name) for rgb in frames)
            if len(files) == 1:
                stills.append((clip.stem, files[0]))
            elif files:
                found.append(Person(person_key(source, clip.stem), files, moves=True))
        return [*grouped(source, stills), *found]


def teacher_of(
    told: Looks | None, out: Path, longest: int, say: Told = lambda text: None
) -> Teacher:
    """As the configuration says; the released weights where it does not.

    out: the run's folder, where mattes are kept that the configuration has no place for. Raises
    WeightsError.
    """
    told = told or Looks()
    return Teacher(store.resolve(told.teacher), told.cache or out / "looks", longest, say)


def read_looks(told: Looks, teacher: Teacher) -> Sequence[Sequence[Sequence[PictureFile]]]:
    """For each place its clips, for each clip its frames; pictures are clips of one frame.

    Raises InputError where nothing can be read.
    """
    found = []
    for place in told.places:
        clips: list[Sequence[PictureFile]] = []
        for clip, frames in _shown(place, told.stride, told.limit):
            if not mix_config.lets_in(clip.stem, told.only, told.without):
                continue
            files = [teacher.kept(rgb, clip.name) for rgb in frames]
            if files:
                clips.append(files)
        if clips:
            found.append(clips)
    if not found:
        named = ", ".join(map(str, told.places)) or "nothing"
        raise InputError(f"There is no picture and no clip that can be read in {named}.")
    return found


def _shown(place: Path, stride: int, limit: int) -> Iterator[tuple[Path, Iterator[RGB]]]:
    """Each picture of a folder for itself, and each clip."""
    for clip in data.clips_of(place):
        if clip.is_dir():
            for path in filter(looks_like_picture, pictures_in(clip)):
                yield path, data.read_clip(path, 1, 1)
        else:
            yield clip, data.read_clip(clip, stride, limit)


def _write(path: Path, bgr: npt.NDArray[np.uint8], how: list[int]) -> None:
    _, coded = cv2.imencode(path.suffix, bgr, how)
    try:
        make_private_folder(path.parent)
        with atomic_file(path) as file:
            file.write(coded.tobytes())
    except OSError as error:
        raise output_error(path, error) from error
