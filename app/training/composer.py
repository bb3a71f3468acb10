"""Composites and sequences, made at each step from people, rooms, things, light and a camera.

Everything follows from the generator that is handed in: one seed for one step gives one picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB
from app.training import clothes, harmonize, objects, posing, rooms, scenes
from app.training.camera_effects import Camera, Recorder
from app.training.foregrounds import Foregrounds, Picture
from app.training.harmonize import Light
from app.training.layers import Actor, Layer, cast, draw_layer
from app.training.mix_config import Mix
from app.training.placement import Placement, Size, place
from app.training.posing import Motion, Pose

Floats = npt.NDArray[np.float32]
# Sub-frames of one exposure: one for so many pixels of motion, and at most so many.
_PIXELS, _SUBFRAMES = 1.5, 6
# How often a single picture shows somebody in motion.
_BLURRED = 0.3
_PANS = 0.4
# Bystanders' heads are at most so large, relative to the person's.
_BEHIND = 0.6
# How much of the usual motion is put on top of a clip's own.
_ON_TOP = 0.2
# What clothes a hard case asks for, and how many people are drawn until one has such.
_TONES = {"white_on_white": "white", "dark_on_dark": "dark"}
_TRIES = 5
_HARD_DISTANCES = ("close", "head", "head", "upper")
# In heads: wider is more than one person.
_WIDEST = 3.0
_ONE = np.float32(1)


class Shot(NamedTuple):
    """One or several neighboring frames with their truth.

    Attributes:
        rgb: of each frame, uint8 (H, W, 3).
        alpha: of each frame, float32 (H, W) in [0, 1].
        evidence: of each frame, float32 (H, W, 2) in [0, 1]: how far S, and how far F and D, may
            learn from alpha. None where it is true everywhere.
    """

    rgb: list[RGB]
    alpha: list[Floats]
    evidence: list[Floats] | None


@dataclass(frozen=True)
class _Role:
    """Somebody in a shot: who, where, how they move, and in what light."""

    actor: Actor
    placement: Placement
    motion: Motion
    time: float
    shutter: float


class Composer:
    """Makes shots; how often what is shown is in `mix`."""

    def __init__(self, foregrounds: Foregrounds, backdrops: rooms.Rooms, mix: Mix) -> None:
        self._foregrounds = foregrounds
        self._rooms = backdrops
        self._mix = mix

    def shot(
        self,
        rng: np.random.Generator,
        size: Size,
        *,
        frames: int = 1,
        theme: str | None = None,
        distance: str = "any",
        plain: bool = False,
    ) -> Shot:
        """A composite of so many frames, or a picture in its own room where its turn has come.

        Args:
            theme: "plain" or a hard case; by chance where it is None.
            distance: as in app/training/placement.py.
            plain: exactly one person, before a camera as people sit there: for validation.
        """
        if frames == 1 and not plain and theme is None:
            shown = self._as_is(rng, size)
            if shown is not None:
                return shown
        theme = self._theme(rng) if theme is None else theme
        if theme != "plain" and distance == "any":
            # Of a tiny figure nothing would be left to see.
            distance = str(rng.choice(_HARD_DISTANCES))
        roles = self._roles(rng, size, frames, theme, distance, plain=plain)
        backdrop = self._rooms.draw(rng, size, pans=frames > 1 and rng.random() < _PANS, calm=plain)
        backdrop = replace(backdrop, picture=scenes.themed(backdrop.picture, rng, theme))
        if roles and rng.random() < (0.0 if plain else self._mix.bystanders):
            backdrop = replace(backdrop, picture=self._crowded(rng, backdrop.picture, size, roles))
        harmonized = bool(rng.random() < self._mix.harmonized) or theme != "plain"
        # What hides a cut edge: a board, or a part of the room itself.
        desk: Floats | None = None
        if rng.random() < 0.6:
            board = rooms.wall(rng, size, (0.05, 0.9))
            desk = board.astype(np.float32) * np.float32(1 / 255)
        camera = Camera.draw(rng, size[1], calm=plain)
        recorder = Recorder(scenes.tamed(camera, theme))
        lights: list[Light] = []
        shot = Shot([], [], [])
        true_everywhere = True
        for index in range(frames):
            share = index / max(1, frames - 1)
            picture = backdrop.at(share)
            alpha = np.zeros((size[1], size[0], 1), np.float32)
            evidence = np.ones((size[1], size[0], 2), np.float32)
            for number, role in enumerate(roles):
                layer = _layer(role, index, size)
                if len(lights) <= number:
                    lights.append(
                        harmonize.draw_light(
                            rng,
                            layer,
                            picture,
                            harmonized=harmonized,
                            against=theme == "against_light",
                        )
                    )
                picture = harmonize.joined(
                    harmonize.lit(layer, lights[number]), picture, lights[number]
                )
                alpha = layer.alpha + alpha * (_ONE - layer.alpha)
                evidence = _ONE - (_ONE - evidence) * (_ONE - layer.alpha)
                if layer.evidence is not None:
                    evidence = np.minimum(evidence, layer.evidence)
                    true_everywhere = False
                if role.placement.desk is not None:
                    front = backdrop.at(share) if desk is None else desk
                    picture, alpha = scenes.behind_desk(picture, alpha, role.placement.desk, front)
            shot.rgb.append(recorder.add(picture, rng))
            shot.alpha.append(alpha[..., 0])
            if shot.evidence is not None:
                shot.evidence.append(evidence)
        return Shot(shot.rgb, shot.alpha, None) if true_everywhere else shot

    def _theme(self, rng: np.random.Generator) -> str:
        mix, chance = self._mix, rng.random()
        for name in ("white_on_white", "dark_on_dark", "against_light"):
            chance -= getattr(mix, name)
            if chance < 0:
                return name
        return "plain"

    def _roles(
        self,
        rng: np.random.Generator,
        size: Size,
        frames: int,
        theme: str,
        distance: str,
        *,
        plain: bool,
    ) -> list[_Role]:
        count = 1
        if not plain:
            chance = rng.random()
            if chance < self._mix.nobody:
                return []
            if chance > 1 - self._mix.two:
                count = 2 if rng.random() < 0.75 else 3
        found = []
        for _ in range(count):
            actor = self._cast(rng, frames, theme)
            if actor is not None:
                actor = self._dressed(rng, actor, theme, plain=plain)
                placement = place(rng, actor.figure, size, distance, calm=plain)
                found.append(self._role(rng, actor, placement, frames))
        # Who is farther away stands behind.
        return sorted(found, key=lambda role: role.placement.scale * role.actor.figure.head)

    def _cast(self, rng: np.random.Generator, frames: int, theme: str) -> Actor | None:
        """Somebody; for white on white and dark on dark somebody whose shirt can be dyed."""
        wanted = _TRIES if theme in _TONES else 1
        actor: Actor | None = None
        for _ in range(wanted):
            actor = cast(self._foregrounds, self._foregrounds.draw(rng), rng, frames)
            if actor is None or wanted == 1 or actor.moves:
                continue
            if clothes.shirt(actor.pictures[0].rgba, actor.figure) is not None:
                break
        return actor

    def _role(
        self, rng: np.random.Generator, actor: Actor, placement: Placement, frames: int
    ) -> _Role:
        motion = Motion.draw(
            rng,
            frames,
            morphs=frames > 1 and len(actor.pictures) > 1 and not actor.moves,
            share=_ON_TOP if actor.moves else 1.0,
        )
        moving = frames > 1 or rng.random() < _BLURRED
        # A clip's frames have their own motion blur.
        shutter = float(rng.uniform(0.1, 0.9)) if moving and not actor.moves else 0.0
        time = float(rng.uniform(0, 50)) if frames == 1 else 0.0
        return _Role(actor, placement, motion, time, shutter)

    def _dressed(self, rng: np.random.Generator, actor: Actor, theme: str, *, plain: bool) -> Actor:
        """Other clothes, and something in the hand; clips stay as they are."""
        if actor.moves:
            return actor
        tone = _TONES.get(theme, "any")
        changes = tone != "any" or rng.random() < self._mix.reclothed
        seed = int(rng.integers(2**32))
        thing = None
        if rng.random() < (0.0 if plain else self._mix.objects) and not _several(actor):
            thing = objects.draw_thing(rng, actor.figure)
        if not changes and thing is None:
            return actor
        pictures: list[Picture] = []
        for picture in actor.pictures:
            rgba = picture.rgba
            if changes:
                chances = np.random.default_rng(seed)
                rgba = clothes.reclothed(rgba, actor.figure, chances, tone)
            evidence = picture.evidence
            if thing is not None:
                rgba = objects.holding(rgba, thing)
                evidence = None if evidence is None else objects.sure_of(thing, evidence)
            pictures.append(Picture(rgba, evidence, None))
        return replace(actor, pictures=tuple(pictures), changed=True)

    def _crowded(
        self, rng: np.random.Generator, picture: Floats, size: Size, roles: Sequence[_Role]
    ) -> Floats:
        """The room with one to three others in it, small and out of focus."""
        head = min(role.placement.scale * role.actor.figure.head for role in roles) / size[1]
        known = {role.actor.person.key for role in roles}
        wide = picture.shape[1], picture.shape[0]
        for _ in range(int(rng.integers(1, 4))):
            actor = cast(self._foregrounds, self._foregrounds.draw(rng), rng, 1)
            if actor is None or actor.person.key in known or _several(actor):
                continue
            placement = place(rng, actor.figure, wide, "upper")
            share = placement.scale * actor.figure.head / wide[1]
            wanted = min(share, head * float(rng.uniform(0.25, _BEHIND)))
            placement = _scaled(placement, actor, wanted / share)
            layer = draw_layer(actor, 0, placement, [posing.STILL], wide)
            light = harmonize.draw_light(rng, layer, picture, harmonized=True)
            shown = harmonize.lit(_standing(layer, placement, actor), light)
            sigma = float(rng.uniform(0.8, 3.5)) * size[1] / 288
            color = np.asarray(cv2.GaussianBlur(shown.color, (0, 0), sigma), np.float32)
            alpha = cv2.GaussianBlur(shown.alpha, (0, 0), sigma)
            soft = np.asarray(alpha, np.float32)[..., None]
            picture = np.asarray(color + picture * (_ONE - soft), np.float32)
        return picture

    def _as_is(self, rng: np.random.Generator, size: Size) -> Shot | None:
        """A picture in its own room; None where the one that is drawn has none, or not its turn."""
        person = self._foregrounds.draw(rng)
        file = person.files[int(rng.integers(len(person.files)))]
        if file.alpha is None or rng.random() >= self._mix.as_is:
            return None
        picture = self._foregrounds.read(file)
        assert picture.scene is not None
        maps = scenes.cut_maps(rng, picture.scene.shape[:2], size)

        def cut(one: npt.NDArray[np.uint8]) -> Floats:
            found = cv2.remap(one, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            return np.asarray(found, np.float32) * np.float32(1 / 255)

        shrink = maps[0][0, 1] - maps[0][0, 0]
        scene, alpha, evidence = picture.scene, picture.rgba[..., 3], picture.evidence
        if abs(shrink) > 1.5:
            sigma = 0.4 * abs(float(shrink))
            scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), sigma), np.uint8)
            alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma), np.uint8)
        recorder = Recorder(Camera.draw(rng, size[1]))
        rgb = recorder.add(cut(scene), rng)
        return Shot([rgb], [cut(alpha)], None if evidence is None else [cut(evidence)])


def _layer(role: _Role, index: int, size: Size) -> Layer:
    """The person at that frame, blurred by what moves within the exposure."""
    begin = role.time + index
    first, last = role.motion.at(begin), role.motion.at(begin + role.shutter)
    # The head's way through the frame, in pixels.
    head = role.placement.scale * role.actor.figure.head
    way = head * (
        np.hypot(last.x - first.x, last.y - first.y)
        + 1.5 * (abs(last.zoom - first.zoom) + abs(last.roll - first.roll))
        + abs(last.lean - first.lean)
        + abs(last.turn - first.turn)
        + abs(last.nod - first.nod)
    )
    count = 1 if not role.shutter else int(np.clip(np.ceil(way / _PIXELS), 1, _SUBFRAMES))
    times = [begin + role.shutter * step / max(1, count) for step in range(count)]
    poses: list[Pose] = [role.motion.at(time) for time in times]
    return draw_layer(role.actor, index, role.placement, poses, size)


def _scaled(placement: Placement, actor: Actor, ratio: float) -> Placement:
    """Smaller about the neck; nothing hides the lower edge, which goes on below."""
    neck = np.array(placement.at(*actor.figure.neck))
    matrix = placement.matrix * ratio
    matrix[:, 2] = neck + ratio * (placement.matrix[:, 2] - neck)
    return replace(placement, matrix=matrix, scale=placement.scale * ratio, desk=None)


def _several(actor: Actor) -> bool:
    """Whether the picture is too wide for one person: how large they are is not known."""
    left, _, right, _ = actor.figure.box
    return right - left > _WIDEST * actor.figure.head


def _standing(layer: Layer, placement: Placement, actor: Actor) -> Layer:
    """A bystander who ends where their picture does, as if something stood before them."""
    if not actor.figure.cut_bottom:
        return layer
    middle = (actor.figure.box[0] + actor.figure.box[2]) / 2
    line = placement.at(middle, placement.floor)[1]
    rows = np.arange(layer.alpha.shape[0], dtype=np.float32)[:, None, None]
    shown = np.clip(np.float32(line) - rows, 0, 1)
    return Layer(layer.color * shown, layer.alpha * shown, None)
