"""Sets with known alpha, made from people with an alpha channel and rooms without people.

    OUT/video/NAME/{com,pha}/00000.png ...   for `evaluate video OUT/video`
    OUT/images/{image,alpha}/NAME.png        for `evaluate images OUT/images`

Everything follows from the seed: the same folders and the same seed give the same files.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from app.backgrounds.fit import fit_picture
from app.errors import InputError, OutputExists
from app.evaluation.datasets import VIDEO_SUFFIXES, pictures_in, read_rgba
from app.frames import RGB, RGBA, Alpha8
from app.outputs.disk import output_error
from app.outputs.pictures import write_picture
from app.outputs.read_files import Reading, files_below, refuse_to_overwrite
from app.sources.pictures import read_picture

FPS = 25  # what a folder of pictures counts as, unless it is said otherwise
VIDEO, IMAGES = "video", "images"
_LIST = "composed.json"  # what was made of what
# A side of the picture that cuts through the person: so much of it is opaque.
_CUT_SHARE = 0.02
# How much larger than the frame a room is that the camera pans over.
_PAN_ZOOM = 1.15

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Composition:
    """What to make.

    foregrounds: a folder with pictures that have alpha (stills, which are then moved smoothly) and
        folders of such pictures (clips). backgrounds: a folder with pictures and videos.
    size: (width, height) of the box that frames fit in; None is the person's own size for clips,
        and the room's for pictures. A person who is cut off at the left and right sides of their
        own picture keeps the shape of that picture, for a wider frame would show the cut.
    frames: of each clip at most so many. each: clips, and pictures, that are made of each person.
    pace: how fast stills are moved; 1 is a person in a chair.
    """

    out: Path
    foregrounds: Path
    backgrounds: Path
    seed: int = 0
    frames: int = 75
    size: tuple[int, int] | None = None
    each: int = 2
    pace: float = 1.0
    force: bool = False


@dataclass(frozen=True)
class _Person:
    """pictures: one for a still. cuts: the sides of the picture that cut through the person."""

    name: str
    pictures: Sequence[Path]
    size: tuple[int, int]
    cuts: frozenset[str]

    @property
    def moves(self) -> bool:
        return len(self.pictures) > 1


@dataclass(frozen=True)
class _Room:
    path: Path
    is_video: bool


@dataclass(frozen=True)
class Composed:
    """One clip or picture that was made, as the list in OUT/composed.json has it."""

    name: str
    kind: Literal["video", "images"]
    foreground: str
    background: str
    camera: str
    frames: int
    size: str


def compose(
    job: Composition, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Composed]:
    """Makes the set. Raises InputError, OutputError; `progress` counts the pictures written."""
    people = _find_people(job.foregrounds)
    rooms = _find_rooms(job.backgrounds)
    if job.out.is_file():
        raise OutputExists(f"{job.out} is a file; name a folder.")
    if job.out.exists() and not job.force and any(job.out.iterdir()):
        raise OutputExists(f"The folder {job.out} is not empty; add --force to write into it.")
    refuse_to_overwrite(
        [
            job.out / _LIST,
            *(file for part in (VIDEO, IMAGES) for file in files_below(job.out / part)),
        ],
        [Reading("a foreground", job.foregrounds), Reading("a background", job.backgrounds)],
    )
    plan = list(_plan(job, people, rooms))
    total = sum(task.count for task in plan)
    done = 0
    made = []
    for task in plan:
        for place, (picture, alpha) in enumerate(task.render()):
            for path, written in zip(task.paths(job.out, place), (picture, alpha), strict=True):
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise output_error(path.parent, error) from None
                write_picture(path, written)
            done += 1
            progress(done, total)
        made.append(task.composed)
    _write_list(job, made)
    return made


def _write_list(job: Composition, made: Sequence[Composed]) -> None:
    listed = {"seed": job.seed, "items": [vars(item) for item in made]}
    path = job.out / _LIST
    try:
        path.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise output_error(path, error) from None


def _find_people(folder: Path) -> list[_Person]:
    found = []
    for entry in _entries(folder):
        pictures = pictures_in(entry) if entry.is_dir() else [entry]
        if not pictures or entry.name.startswith("."):
            continue
        first = read_rgba(pictures[0])
        if first is None:
            raise InputError(
                f"{pictures[0]} has no alpha channel; a foreground is a picture with transparency "
                "(PNG, WebP), or a folder of them."
            )
        height, width = first.shape[:2]
        name = entry.name if entry.is_dir() else entry.stem
        found.append(_Person(name, pictures, (width, height), cut_sides(first)))
    if not found:
        raise InputError(f"There is no picture and no folder of pictures in {folder}.")
    return found


def _find_rooms(folder: Path) -> list[_Room]:
    pictures = [_Room(file, False) for file in pictures_in(_folder(folder))]
    videos = [_Room(file, True) for file in _entries(folder) if _is_video(file)]
    rooms = sorted(pictures + videos, key=lambda room: room.path.name)
    if not rooms:
        raise InputError(f"There is no picture and no video in {folder}.")
    return rooms


def _is_video(file: Path) -> bool:
    return file.suffix.lower() in VIDEO_SUFFIXES and file.name[0] != "."


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; check the name.")
    return folder


def _entries(folder: Path) -> list[Path]:
    """Folders, pictures and videos, by name."""
    pictures = set(pictures_in(_folder(folder)))
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir() or entry in pictures or _is_video(entry)
    )


def cut_sides(rgba: RGBA) -> frozenset[str]:
    """Which sides of the picture cut through the person: left, right, top, bottom."""
    opaque = rgba[..., 3] >= 128
    sides = {
        "left": opaque[:, 0],
        "right": opaque[:, -1],
        "top": opaque[0],
        "bottom": opaque[-1],
    }
    return frozenset(name for name, side in sides.items() if side.mean() > _CUT_SHARE)


@dataclass(frozen=True)
class _Task:
    """One clip or picture to make."""

    name: str
    kind: Literal["video", "images"]
    person: _Person
    room: _Room
    camera: Literal["still", "pan", "video"]
    size: tuple[int, int]
    count: int
    seed: int
    pace: float

    @property
    def composed(self) -> Composed:
        return Composed(
            name=self.name,
            kind=self.kind,
            foreground=self.person.name,
            background=self.room.path.name,
            camera=self.camera,
            frames=self.count,
            size=f"{self.size[0]}x{self.size[1]}",
        )

    def paths(self, out: Path, place: int) -> tuple[Path, Path]:
        if self.kind == IMAGES:
            folder = out / IMAGES
            return folder / "image" / f"{self.name}.png", folder / "alpha" / f"{self.name}.png"
        folder = out / VIDEO / self.name
        return folder / "com" / f"{place:05d}.png", folder / "pha" / f"{place:05d}.png"

    def render(self) -> Iterator[tuple[RGB, Alpha8]]:
        """Picture after picture: uint8 (H, W, 3) and its true alpha, uint8 (H, W)."""
        rng = np.random.default_rng(self.seed)
        # A clip of a person has their own motion already; a still is moved.
        swings = self.kind == VIDEO and not self.person.moves
        sway = Sway.draw(rng, self.pace) if swings else Sway()
        placement = place_person(self.person.size, self.person.cuts, self.size, sway, rng)
        to_frame = np.array(
            [[1, 0, placement.left - 2], [0, 1, placement.top - 2], [0, 0, 1]], np.float32
        )
        backgrounds = self._backgrounds(rng)
        layer: Floats | None = None
        for place in range(self.count):
            if layer is None or self.person.moves:
                rgba = self._read(self.person.pictures[place])
                layer = _scaled(rgba, placement, self.person.cuts)
            matrix = sway.matrix(place / FPS, self.size) @ to_frame
            warped = cv2.warpAffine(layer, matrix, self.size, flags=cv2.INTER_LINEAR)
            yield over(np.asarray(warped, np.float32), next(backgrounds))

    def _read(self, file: Path) -> RGBA:
        rgba = read_rgba(file)
        if rgba is None or (rgba.shape[1], rgba.shape[0]) != self.person.size:
            raise InputError(
                f"{file} has no alpha channel or another size than {self.person.pictures[0]}; "
                "every picture of a clip must be alike."
            )
        return rgba

    def _backgrounds(self, rng: np.random.Generator) -> Iterator[RGB]:
        if self.room.is_video:
            while True:
                yield from self._video_frames()
        room = read_picture(self.room.path)
        if self.camera == "still":
            fitted = fit_picture(room, self.size, fit="cover", fill="black")
            while True:
                yield fitted
        larger = tuple(round(side * _PAN_ZOOM) for side in self.size)
        wide = fit_picture(room, (larger[0], larger[1]), fit="cover", fill="black")
        angle, phase = rng.uniform(0, 2 * math.pi, 2)
        slack = np.array([wide.shape[1] - self.size[0], wide.shape[0] - self.size[1]]) / 2
        for place in range(self.count):
            turn = math.sin(2 * math.pi * place / FPS / 6 + phase)
            shift = slack * (1 + np.array([math.cos(angle), math.sin(angle)]) * turn)
            yield _shifted(wide, (float(shift[0]), float(shift[1])), self.size)

    def _video_frames(self) -> Iterator[RGB]:
        from app.sources.video_file import VideoFileSource

        with VideoFileSource(self.room.path) as source:
            for frame in source:
                yield fit_picture(frame.rgb, self.size, fit="cover", fill="black")


def _plan(job: Composition, people: Sequence[_Person], rooms: Sequence[_Room]) -> Iterator[_Task]:
    stills = [room for room in rooms if not room.is_video]
    for person in people:
        # By name, so that one more person in the folder leaves the others' rooms as they are.
        rng = np.random.default_rng([job.seed, zlib.crc32(person.name.encode())])
        for kind in (VIDEO, IMAGES) if not person.moves else (VIDEO,):
            choice = rooms if kind == VIDEO or not stills else stills
            order = rng.permutation(len(choice))
            for turn in range(job.each):
                room = choice[order[turn % len(order)]]
                # Every other still room is panned over, as if the camera were held in a hand.
                pans = kind == VIDEO and turn % 2 == 1
                camera: Literal["still", "pan", "video"] = (
                    "video" if room.is_video else "pan" if pans else "still"
                )
                count = 1
                if kind == VIDEO:
                    count = min(job.frames, len(person.pictures)) if person.moves else job.frames
                yield _Task(
                    name=f"{person.name}-{turn + 1}-{room.path.stem}",
                    kind="images" if kind == IMAGES else "video",
                    person=person,
                    room=room,
                    camera=camera,
                    size=frame_size(person.size, person.cuts, _box(job, person, room, kind)),
                    count=count,
                    seed=int(rng.integers(2**32)),
                    pace=job.pace,
                )


def _box(job: Composition, person: _Person, room: _Room, kind: str) -> tuple[int, int]:
    if job.size is not None:
        return job.size
    if kind == IMAGES and not room.is_video:
        picture = read_picture(room.path)
        # No larger than the person, whose alpha would only be blown up.
        scale = min(1.0, person.size[1] / picture.shape[0])
        return round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return person.size


def frame_size(
    person: tuple[int, int], cuts: frozenset[str], box: tuple[int, int]
) -> tuple[int, int]:
    """The frame's (width, height), even, in a box of (width, height)."""
    width, height = box
    if {"left", "right"} <= cuts:
        scale = min(box[0] / person[0], box[1] / person[1])
        width, height = round(person[0] * scale), round(person[1] * scale)
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


@dataclass(frozen=True)
class Placement:
    """The person's picture in the frame, in pixels: scaled to width x height, then put there."""

    width: int
    height: int
    left: int
    top: int


def place_person(
    person: tuple[int, int],
    cuts: frozenset[str],
    frame: tuple[int, int],
    sway: Sway,
    rng: np.random.Generator,
) -> Placement:
    """Fits the picture in the frame so that no cut shows, however far `sway` moves it."""
    scale = min(frame[0] / person[0], frame[1] / person[1])
    both_x, both_y = {"left", "right"} <= cuts, {"top", "bottom"} <= cuts
    room_x, room_y = math.ceil(sway.reach_x * frame[0]), math.ceil(sway.reach_y * frame[1])
    if both_x:
        scale = max(scale, (frame[0] + 2 * room_x) / person[0])
    if both_y:
        scale = max(scale, (frame[1] + 2 * room_y) / person[1])
    # Up, so that a rounded side never ends inside of the frame.
    width, height = (math.ceil(side * scale - 1e-6) for side in person)
    free_x, free_y = frame[0] - width, frame[1] - height
    left = round(free_x * (rng.uniform(0.2, 0.8) if free_x > 0 else 0.5))
    if "left" in cuts and not both_x:
        left = -room_x
    elif "right" in cuts and not both_x:
        left = free_x + room_x
    top = free_y
    if both_y:
        top = round(free_y / 2)
    elif "top" in cuts:
        top = -room_y
    elif "bottom" in cuts:
        top = free_y + room_y
    return Placement(width, height, left, top)


@dataclass(frozen=True)
class Sway:
    """A person's slow motion, each part a sum of two sines.

    reach_x, reach_y: to both sides, in shares of the frame. reach_zoom: 0.03 is up to 3% larger.
    periods, phases: of x, y and zoom, in seconds and in radians.
    """

    reach_x: float = 0.0
    reach_y: float = 0.0
    reach_zoom: float = 0.0
    periods: tuple[float, ...] = (1.0, 1.0, 1.0)
    phases: tuple[float, ...] = (0.0, 0.0, 0.0)

    @classmethod
    def draw(cls, rng: np.random.Generator, pace: float = 1.0) -> Sway:
        x, y, zoom = rng.uniform((0.03, 0.01, 0.01), (0.06, 0.03, 0.03))
        periods, phases = rng.uniform(1.2, 3.5, 3) / pace, rng.uniform(0, 2 * math.pi, 3)
        return cls(float(x), float(y), float(zoom), tuple(periods.tolist()), tuple(phases.tolist()))

    def matrix(self, seconds: float, frame: tuple[int, int]) -> Floats:
        """Where a pixel of the frame moves to: float32 (2, 3), on pixel centres.

        It grows about the middle of the frame's lower side, and never shrinks.
        """
        waves = [
            0.7 * math.sin(turn) + 0.3 * math.sin(2.3 * turn)
            for period, phase in zip(self.periods, self.phases, strict=True)
            for turn in (2 * math.pi * seconds / period + phase,)
        ]
        zoom = 1 + self.reach_zoom * (1 + waves[2]) / 2
        centre_x, floor = frame[0] / 2 - 0.5, frame[1] - 0.5
        shift_x = self.reach_x * frame[0] * waves[0] + centre_x * (1 - zoom)
        shift_y = self.reach_y * frame[1] * waves[1] + floor * (1 - zoom)
        return np.array([[zoom, 0, shift_x], [0, zoom, shift_y]], np.float32)


def _scaled(rgba: RGBA, placement: Placement, cuts: frozenset[str]) -> Floats:
    """float32 (H + 4, W + 4, 4), premultiplied, 0..255, with a border of two pixels.

    The border repeats the picture where it cuts through the person and is empty elsewhere, so that
    what is moved by less than a pixel fades out only where the person ends.
    """
    alpha = rgba[..., 3:].astype(np.float32)
    premultiplied = np.concatenate([rgba[..., :3] * (alpha / 255), alpha], axis=2)
    size = placement.width, placement.height
    if (rgba.shape[1], rgba.shape[0]) != size:
        shrinks = size[0] < rgba.shape[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        resized = np.asarray(cv2.resize(premultiplied, size, interpolation=interpolation))
        # Cubic overshoots: keep alpha in its range, and no colour above it.
        resized[..., 3] = np.clip(resized[..., 3], 0, 255)
        premultiplied = np.clip(resized, 0, resized[..., 3:])
    padded = np.pad(premultiplied, ((2, 2), (2, 2), (0, 0)), mode="edge")
    if "left" not in cuts:
        padded[:, :2] = 0
    if "right" not in cuts:
        padded[:, -2:] = 0
    if "top" not in cuts:
        padded[:2] = 0
    if "bottom" not in cuts:
        padded[-2:] = 0
    return padded


def over(layer: Floats, background: RGB) -> tuple[RGB, Alpha8]:
    """layer, premultiplied (H, W, 4), 0..255, on the background: the picture and the true alpha."""
    alpha = layer[..., 3:]
    picture = layer[..., :3] + background * (1 - alpha / 255)
    return (
        np.ascontiguousarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8)),
        np.ascontiguousarray(np.clip(np.rint(alpha[..., 0]), 0, 255).astype(np.uint8)),
    )


def _shifted(picture: RGB, corner: tuple[float, float], size: tuple[int, int]) -> RGB:
    """The part of `picture` of that size whose upper left corner lies there; sub-pixel."""
    matrix = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
    moved = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.ascontiguousarray(moved, np.uint8)
