"""People to compose, from every kind of source behind one interface.

A source is a folder; a person is one or several pictures, of which each is decoded at training size
when it is drawn. Pictures of one person stay on one side of the split between training and
validation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from app.errors import InputError
from app.evaluation.datasets import check_folder, find_stills, pictures_in, read_alpha, read_rgba
from app.frames import RGB, RGBA, Alpha8
from app.sources.pictures import read_picture
from app.training.mix_config import Source, lets_in
from app.training.picture_cache import PictureCache

Bytes = npt.NDArray[np.uint8]
Evidence = npt.NDArray[np.uint8]  # (H, W, 2): for S, and for F and D; 255 is full
# Every third person validates.
_EVERY, _AT = 3, 1
# Of the picture's short side: how far a hard segmentation is unsure to both sides of its edge.
_BINARY_BAND = 0.015
# Of the largest one's area: smaller parts of an agreed matte are doubted.
_ISLAND = 0.25
# From this alpha on a picture's own color is the person's.
_SURE = 250


class Picture(NamedTuple):
    """One picture of a person, no longer than training needs.

    Attributes:
        rgba: uint8 (H, W, 4), straight alpha. The colors are the person's, also where alpha is 0.
        evidence: uint8 (H, W, 2), how far S, and how far F and D, may learn from alpha here; None
            where alpha is true everywhere.
        scene: uint8 (H, W, 3), the picture with its own room; None where there is none.
    """

    rgba: RGBA
    evidence: Evidence | None = None
    scene: RGB | None = None


@dataclass(frozen=True)
class PictureFile:
    """Where a picture is.

    Attributes:
        image: a picture with alpha, or without where `alpha` is given.
        alpha: its truth, a gray picture; or of an agreed matte the pair (alpha, doubt).
        kind: how `alpha` is to be read: "soft", "binary" or "agreed".
    """

    image: Path
    alpha: Path | None = None
    kind: str = "soft"


@dataclass(frozen=True)
class Person:
    """A person's pictures.

    Attributes:
        key: names the person, for the split.
        files: expressions of one person, or frames of a clip in order.
        moves: whether they are frames in order.
    """

    key: str
    files: tuple[PictureFile, ...]
    moves: bool = False


class Foregrounds:
    """The people of all sources, each source by its share, each of its people alike."""

    def __init__(
        self, sources: Sequence[tuple[float, Sequence[Person]]], longest: int, cache: PictureCache
    ) -> None:
        """longest: of a decoded picture's sides, in pixels."""
        self._people = [list(people) for _, people in sources if people]
        shares = np.array([share for share, people in sources if people], np.float64)
        self._chances = shares / shares.sum() if shares.size else shares
        self._longest = longest
        self._cache = cache

    @property
    def people(self) -> list[Person]:
        return [person for people in self._people for person in people]

    def draw(self, rng: np.random.Generator) -> Person:
        people = self._people[int(rng.choice(len(self._people), p=self._chances))]
        return people[int(rng.integers(len(people)))]

    def read(self, file: PictureFile) -> Picture:
        """Decoded, from memory where it is still there. Raises InputError."""
        return self._cache.get((file, self._longest), lambda: read_file(file, self._longest))

    def cached(self, key: tuple[object, ...], make: Callable[[], Bytes]) -> Bytes:
        """What is derived from pictures and costs time, in the same memory."""
        return self._cache.get(key, make)


def people_of(source: Source, agreed: Callable[[Source], Sequence[Person]]) -> list[Person]:
    """The people of one source on its side of the split. Raises InputError where there is none.

    agreed: gives the people of a source of the kind "agreed", whose mattes have to be made first.
    """
    read: dict[str, Callable[[Source], Sequence[Person]]] = {
        "stills": _stills,
        "clips": _clips,
        "portraits": _pairs,
        "binary": _pairs,
        "agreed": agreed,
    }
    found = [person for person in read[source.kind](source) if person.files]
    people = split(found, source.split)
    if not people:
        raise InputError(
            f"There is no person in {source.folder} as {source.kind}"
            f"{'' if source.split == 'all' else f' on the side {source.split} of the split'}."
        )
    return people


def split(people: Sequence[Person], side: str) -> list[Person]:
    """One side of the split by person: "all", "train" or "validation"."""
    ordered = sorted(people, key=lambda person: person.key)
    if side == "all":
        return ordered
    wanted = side == "validation"
    return [p for index, p in enumerate(ordered) if (index % _EVERY == _AT) == wanted]


def chosen(source: Source, stem: str) -> bool:
    """Whether `only` and `without` of the source let a file of that stem in."""
    return lets_in(stem, source.only, source.without)


def person_key(source: Source, stem: str) -> str:
    """Who is in a file of that stem."""
    if not source.person:
        return stem
    found = re.search(source.person, stem)
    if found is None:
        raise InputError(f"{source.folder}: {stem!r} does not match person = {source.person!r}.")
    return found[1] if found.re.groups else found[0]


def grouped(source: Source, files: Sequence[tuple[str, PictureFile]]) -> list[Person]:
    """Stills of (stem, file), brought together by person."""
    groups: dict[str, list[PictureFile]] = {}
    for stem, file in files:
        groups.setdefault(person_key(source, stem), []).append(file)
    return [Person(key, tuple(group)) for key, group in groups.items()]


def _stills(source: Source) -> list[Person]:
    check_folder(source.folder)
    files = [path for path in pictures_in(source.folder) if chosen(source, path.stem)]
    return grouped(source, [(path.stem, PictureFile(path)) for path in files])


def _clips(source: Source) -> list[Person]:
    check_folder(source.folder)
    inner = sorted(path for path in source.folder.iterdir() if path.is_dir())
    found = []
    for folder in inner or [source.folder]:
        paths = pictures_in(folder)[:: source.stride][: source.limit]
        if paths and chosen(source, folder.name):
            files = tuple(PictureFile(path) for path in paths)
            found.append(Person(person_key(source, folder.name), files, moves=True))
    return found


def _pairs(source: Source) -> list[Person]:
    kind = "binary" if source.kind == "binary" else "soft"
    return grouped(
        source,
        [
            (still.name, PictureFile(still.image, still.alpha, kind))
            for still in find_stills(source.folder)
            if chosen(source, still.name)
        ],
    )


def read_file(file: PictureFile, longest: int) -> Picture:
    """Decoded, its longer side at most `longest`. Raises InputError."""
    if file.alpha is None:
        rgba = read_rgba(file.image)
        if rgba is None:
            raise InputError(f"{file.image} has no alpha channel; give pictures with transparency.")
        small = _smaller(_filled(rgba, 12), longest)
        return Picture(np.ascontiguousarray(small))
    scene = read_picture(file.image)
    evidence: Evidence | None = None
    if file.kind == "agreed":
        alpha, doubt = _read_agreed(file.alpha)
        sure = np.where(_islands(alpha), 0, 255 - doubt).astype(np.uint8)
        evidence = np.dstack([sure, sure])
    else:
        alpha = read_alpha(file.alpha)
    if alpha.shape != scene.shape[:2]:
        raise InputError(f"{file.image} and {file.alpha} differ in size; both must have one size.")
    if file.kind == "binary":
        evidence = binary_evidence(alpha)
    rgba = _smaller(_filled(np.dstack([scene, alpha]), _SURE), longest)
    if evidence is not None:
        evidence = np.asarray(_fitted(evidence, rgba), np.uint8)
    return Picture(np.ascontiguousarray(rgba), evidence, np.asarray(_fitted(scene, rgba), np.uint8))


def binary_evidence(alpha: Alpha8) -> Evidence:
    """S learns everywhere from a hard segmentation, F and D only away from its edge."""
    radius = max(1, round(_BINARY_BAND * min(alpha.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    edge = cv2.dilate(alpha, kernel) != cv2.erode(alpha, kernel)
    return np.dstack([np.full(alpha.shape, 255, np.uint8), np.where(edge, 0, 255)]).astype(np.uint8)


def _read_agreed(path: Path) -> tuple[Alpha8, Alpha8]:
    """(alpha, doubt) as app/training/looks.py stores them."""
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if stored is None:
        raise InputError(f"{path} is damaged; remove it, and it is made again.")
    return np.ascontiguousarray(stored[..., 0]), np.ascontiguousarray(stored[..., 1])


def _islands(alpha: Alpha8) -> npt.NDArray[np.bool_]:
    """What is opaque apart from the person, and much smaller: no look can tell what it is."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 127).astype(np.uint8))
    areas = stats[1:count, cv2.CC_STAT_AREA]
    small = [1 + index for index, area in enumerate(areas) if area < _ISLAND * max(areas)]
    found = np.isin(labels, small).astype(np.uint8)
    return np.asarray(cv2.dilate(found, np.ones((7, 7), np.uint8)) > 0)


def _filled(rgba: Bytes, sure: int) -> RGBA:
    """Colors where alpha is below `sure` become those of the nearest sure parts, smoothly.

    So straight alpha can be resized and blurred, and no room sticks to a cut-out hair.
    """
    known = (rgba[..., 3] >= sure).astype(np.float32)
    if known.all() or not known.any():
        return rgba
    small = max(rgba.shape[:2])
    total = rgba[..., :3].astype(np.float32) * known[..., None]
    weight = known
    filled = np.zeros_like(total)
    missing = np.ones(known.shape, np.bool_)
    side = 5
    # Wider and wider means until every pixel has seen a sure one.
    while missing.any() and side < 2 * small:
        near = cv2.blur(weight, (side, side))
        found = missing & (near > 0.02 if side < small else near > 0)
        colors = cv2.blur(total, (side, side))
        filled[found] = colors[found] / near[found][..., None]
        missing &= ~found
        side = side * 3 + 2
    sure_here = known[..., None]
    colors = rgba[..., :3] * sure_here + filled * (1 - sure_here)
    return np.dstack([np.clip(np.rint(colors), 0, 255).astype(np.uint8), rgba[..., 3:]])


def _smaller(picture: Bytes, longest: int) -> Bytes:
    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(
        cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def _fitted(picture: Bytes, like: Bytes) -> Bytes:
    size = like.shape[1], like.shape[0]
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
