"""Composites and sequences: the truth fits the picture, whatever is done to both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app.training import harmonize, objects
from app.training.camera_effects import Camera, Recorder, with_noise
from app.training.clothes import reclothed
from app.training.composer import Composer, Shot
from app.training.figure import Figure, find_figure
from app.training.foregrounds import Foregrounds, Person, PictureFile
from app.training.harmonize import Light, draw_light, joined, lit
from app.training.layers import Actor, Layer, cast, draw_layer
from app.training.mix_config import Mix, Source
from app.training.picture_cache import PictureCache
from app.training.placement import place
from app.training.posing import Pose
from app.training.rooms import Rooms
from tests.training.conftest import person

Bytes = npt.NDArray[np.uint8]
SIZE = (160, 96)
RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)
ONE = Person("one", (PictureFile(Path("one")),))


def painted(color: tuple[int, int, int], seed: int = 0) -> Bytes:
    rgba = person(seed, (240, 320))
    rgba[..., :3] = color
    return rgba


@pytest.fixture
def blue_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rooms:
    Image.fromarray(np.full((200, 320, 3), BLUE, np.uint8)).save(tmp_path / "room.png")
    monkeypatch.setattr("app.training.rooms._WALL", 0)
    monkeypatch.setattr("app.training.rooms._DRAWN", 0)
    return Rooms([tmp_path / "room.png"], 320, PictureCache(1 << 20))


def composer(
    folder: Path, rooms: Rooms, pictures: Sequence[Sequence[Bytes]], **told: float
) -> Composer:
    """People of one or several stills each, and what is switched off unless it is told."""
    people = []
    for number, expressions in enumerate(pictures):
        files = []
        for index, rgba in enumerate(expressions):
            path = folder / f"{number}_{index}.png"
            Image.fromarray(rgba).save(path)
            files.append(PictureFile(path))
        people.append(Person(str(number), tuple(files)))
    off = ("objects", "two", "bystanders", "reclothed", "nobody", "harmonized")
    hard = ("white_on_white", "dark_on_dark", "against_light")
    source = Source(kind="stills", folder=folder)
    mix = Mix.model_validate({"people": [source], **dict.fromkeys((*off, *hard), 0.0), **told})
    return Composer(Foregrounds([(1.0, people)], 320, PictureCache(8 << 20)), rooms, mix)


def shots(made: Composer, count: int, frames: int = 1) -> list[Shot]:
    return [made.shot(np.random.default_rng(seed), SIZE, frames=frames) for seed in range(count)]


def test_one_seed_gives_one_shot(tmp_path: Path, blue_room: Rooms) -> None:
    made = composer(tmp_path, blue_room, [[painted(RED)], [painted(GREEN)]], objects=0.5, two=0.3)
    for frames in (1, 4):
        first = made.shot(np.random.default_rng(3), SIZE, frames=frames)
        # What was decoded or drawn meanwhile changes nothing.
        shots(made, 4)
        again = made.shot(np.random.default_rng(3), SIZE, frames=frames)
        other = made.shot(np.random.default_rng(4), SIZE, frames=frames)
        assert len(first.rgb) == frames
        for part, same in zip((*first.rgb, *first.alpha), (*again.rgb, *again.alpha), strict=True):
            assert np.array_equal(part, same)
        assert not np.array_equal(first.rgb[0], other.rgb[0])


@pytest.mark.parametrize("frames", [1, 4])
def test_the_truth_is_where_the_person_is_seen(
    tmp_path: Path, blue_room: Rooms, frames: int
) -> None:
    made = composer(tmp_path, blue_room, [[painted(RED), painted(RED, 1)]], harmonized=0.3)
    areas = []
    for shot in shots(made, 12, frames):
        for rgb, alpha in zip(shot.rgb, shot.alpha, strict=True):
            assert rgb.shape == (SIZE[1], SIZE[0], 3)
            assert alpha.min() >= 0
            assert alpha.max() <= 1
            colors = rgb.astype(int)
            redder = colors[..., 0] > colors[..., 2]
            assert redder[alpha > 0.95].mean() > 0.97
            # A desk is of any color, but it is never the person's.
            assert redder[alpha < 0.05].mean() < 0.4
            areas.append(float(alpha.mean()))
        assert shot.evidence is None
    assert max(areas) > 0.2
    assert min(areas) < 0.1


def test_frames_of_a_sequence_are_neighbors(tmp_path: Path, blue_room: Rooms) -> None:
    made = composer(tmp_path, blue_room, [[painted(RED), painted(RED, 1)]])
    changes = []
    for shot in shots(made, 20, 5):
        pairs = zip(shot.alpha, shot.alpha[1:], strict=False)
        changes.append(max(float(np.abs(b - a).mean()) for a, b in pairs))
    assert max(changes) > 0.004
    assert max(changes) < 0.2
    assert np.median(changes) < 0.05


def test_bystanders_are_part_of_the_room(tmp_path: Path, blue_room: Rooms) -> None:
    """One is red and the other green: in alpha there is one color, in the room the other."""
    made = composer(tmp_path, blue_room, [[painted(RED)], [painted(GREEN)]], bystanders=1.0)
    behind = 0
    for shot in shots(made, 20):
        colors, alpha = shot.rgb[0].astype(int), shot.alpha[0]
        reds = (colors[..., 0] - colors[..., 1]) > 40
        greens = (colors[..., 1] - colors[..., 0]) > 40
        mine, other = (reds, greens) if reds[alpha > 0.95].mean() > 0.5 else (greens, reds)
        assert other[alpha > 0.95].mean() < 0.05
        behind += bool(other[alpha < 0.05].mean() > 0.005)
        assert mine[alpha > 0.95].mean() > 0.5
    assert behind >= 8


def test_two_people_stay_together(tmp_path: Path, blue_room: Rooms) -> None:
    made = composer(tmp_path, blue_room, [[painted(RED)], [painted(GREEN)]], two=1.0)
    both = 0
    for shot in shots(made, 12):
        colors = shot.rgb[0].astype(int)[shot.alpha[0] > 0.95]
        reds = (colors[:, 0] - colors[:, 1] > 40).mean() if len(colors) else 0
        both += bool(0.02 < reds < 0.98)
    assert both >= 3


def test_sometimes_there_is_nobody(tmp_path: Path, blue_room: Rooms) -> None:
    made = composer(tmp_path, blue_room, [[painted(RED)]], nobody=1.0)
    assert not any(shot.alpha[0].any() for shot in shots(made, 4))


def test_white_on_white_and_dark_on_dark_leave_little_between_shirt_and_wall(
    tmp_path: Path, blue_room: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Camera, "draw", lambda rng, height: Camera())
    shirt = painted((205, 205, 208))
    for theme in ("white_on_white", "dark_on_dark"):
        made = composer(tmp_path, blue_room, [[shirt]])
        apart, levels = [], []
        for seed in range(12):
            shot = made.shot(np.random.default_rng(seed), SIZE, theme=theme, distance="head")
            gray, alpha = shot.rgb[0].mean(axis=2), shot.alpha[0]
            low = np.zeros(alpha.shape, bool)
            low[int(0.8 * SIZE[1]) :] = True
            worn, wall = gray[low & (alpha > 0.95)], gray[alpha < 0.02]
            if worn.size > 50:
                apart.append(abs(float(worn.mean() - wall.mean())))
                levels.append(float(wall.mean()))
        assert np.median(apart) < 60
        assert (np.median(levels) > 140) == (theme == "white_on_white")


# -- what moves ----------------------------------------------------------------------------------


def actor(rgba: Bytes, **more: Bytes) -> Actor:
    known = Foregrounds([], 320, PictureCache(1 << 20))
    known.read = lambda file: __import__(  # type: ignore[method-assign]
        "app.training.foregrounds", fromlist=["Picture"]
    ).Picture(rgba)
    found = cast(known, ONE, np.random.default_rng(0), 1)
    assert found is not None
    return found


def test_motion_blurs_the_person_and_alpha_alike() -> None:
    role = actor(painted(RED))
    placement = place(np.random.default_rng(0), role.figure, SIZE, "head")
    sharp = draw_layer(role, 0, placement, [Pose()], SIZE)
    poses = [Pose(x=0.1 * step) for step in range(5)]
    blurred = draw_layer(role, 0, placement, poses, SIZE)

    def soft(layer: Layer) -> int:
        return int(((layer.alpha > 0.1) & (layer.alpha < 0.9)).sum())

    assert soft(blurred) > 2 * soft(sharp)
    seen = blurred.alpha[..., 0] > 0.05
    straight = blurred.color[seen] / blurred.alpha[seen]
    assert np.abs(straight - np.array(RED) / 255).max() < 0.02


# -- light ---------------------------------------------------------------------------------------


def gray_layer(value: float) -> Layer:
    alpha = np.zeros((*SIZE[::-1], 1), np.float32)
    alpha[30:, 50:110] = 1
    return Layer(alpha * np.float32(value) * np.ones(3, np.float32), alpha, None)


def test_a_harmonized_person_comes_closer_to_the_rooms_light() -> None:
    room = np.full((*SIZE[::-1], 3), (0.75, 0.6, 0.35), np.float32)
    layer = gray_layer(0.3)
    closer = 0
    for seed in range(10):
        light = draw_light(np.random.default_rng(seed), layer, room, harmonized=True)
        seen = lit(layer, light).color[60, 80]
        closer += bool(np.abs(seen - room[0, 0]).mean() < np.abs(0.3 - room[0, 0]).mean())
        # By a share only: nobody becomes the wall.
        assert np.abs(seen - room[0, 0]).mean() > 0.03
    assert closer >= 9


def test_light_wraps_only_over_the_edge_and_a_shadow_only_darkens_the_room() -> None:
    room = np.full((*SIZE[::-1], 3), 0.9, np.float32)
    layer = gray_layer(0.2)
    wrapped = joined(layer, room, Light(wrap=0.6))
    assert wrapped[60, 51].mean() > 0.25
    assert wrapped[80, 80].mean() == pytest.approx(0.2, abs=1e-3)
    shaded = joined(layer, room, Light(shadow=0.5, cast=(0.1, 0)))
    assert shaded[60, 112].mean() < 0.8
    assert shaded[80, 80].mean() == pytest.approx(0.2, abs=1e-3)


# -- things and clothes ----------------------------------------------------------------------------


@pytest.fixture
def figure() -> Figure:
    found = find_figure(painted(RED)[..., 3])
    assert found is not None
    return found


@pytest.mark.parametrize("name", sorted(objects._THINGS))
def test_what_somebody_holds_is_theirs(figure: Figure, name: str) -> None:
    rgba = painted(RED)
    areas = []
    for seed in range(6):
        thing = objects._THINGS[name](np.random.default_rng(seed), figure)
        held = objects.holding(rgba, thing)
        assert (held[..., 3] >= rgba[..., 3]).all()
        changed = np.abs(held[..., :3].astype(int) - RED).sum(axis=2) > 60
        areas.append(float(changed.mean()))
        assert held[..., 3][changed & (rgba[..., 3] == 255)].min(initial=255) == 255
    assert max(areas) > 0.002


def test_a_white_shirt_gets_another_color_and_keeps_its_folds(figure: Figure) -> None:
    rgba = painted((200, 150, 120))
    below = slice(int(figure.neck[1] + 0.2 * figure.head), None)
    rgba[below, :, :3] = 210
    rgba[below, ::8, :3] = 170
    worn = reclothed(rgba, figure, np.random.default_rng(2), "dark")
    assert worn[-40:, :, :3].mean() < 60
    assert np.array_equal(worn[:60, :, :3], rgba[:60, :, :3])
    assert np.array_equal(worn[..., 3], rgba[..., 3])
    assert worn[-20, 124, :3].mean() != worn[-20, 120, :3].mean()
    red = painted(RED)
    assert reclothed(red, figure, np.random.default_rng(0)) is red


# -- the camera ------------------------------------------------------------------------------------


def test_noise_is_as_strong_as_it_was_drawn() -> None:
    plain = np.full((*SIZE[::-1], 3), 0.5, np.float32)
    noisy = with_noise(plain, Camera(noise=(0.02, 0.02)), np.random.default_rng(0))
    assert float((noisy - plain).std()) == pytest.approx(0.02, rel=0.1)
    assert with_noise(plain, Camera(), np.random.default_rng(0)) is plain


def test_rolling_compression_repeats_what_hardly_changes() -> None:
    rng = np.random.default_rng(0)
    plain = rng.random((96, 160, 3), np.float32) * np.float32(0.2) + np.float32(0.4)
    recorder = Recorder(Camera(quality=40, skip=4.0))
    first = recorder.add(plain, rng)
    moved = plain.copy()
    moved[:32, :32] += 0.3
    second = recorder.add(moved, rng)
    changed = np.abs(second.astype(int) - first).max(axis=2) > 0
    assert changed[:32, :32].mean() > 0.9
    assert changed[64:].mean() < 0.2


def test_a_camera_without_faults_changes_nothing() -> None:
    plain = np.random.default_rng(0).random((96, 160, 3), np.float32)
    seen = Recorder(Camera()).add(plain, np.random.default_rng(0))
    assert np.abs(seen.astype(int) - plain * 255).max() <= 0.51


def test_rooms_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="There is no room in"):
        Rooms([tmp_path], 64, PictureCache(0))


def test_the_shadow_and_the_lab_transfer_stay_in_range() -> None:
    room = np.random.default_rng(1).random((*SIZE[::-1], 3), np.float32)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        light = harmonize.draw_light(rng, gray_layer(0.6), room, harmonized=True, against=True)
        seen = joined(lit(gray_layer(0.6), light), room, light)
        assert seen.min() >= 0
        assert seen.max() <= 1
