"""Composites whose truth is known because it was put there."""

import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import InputError, OutputExists
from app.evaluation.compose import (
    Composition,
    Sway,
    compose,
    cut_sides,
    frame_size,
    over,
    place_person,
)
from app.evaluation.datasets import find_clips, find_stills

RED, BLUE = (255, 0, 0), (0, 0, 255)


def person(size: tuple[int, int] = (60, 40), *, bottom: bool = True) -> np.ndarray:
    """Red with a soft outline; cut off below, as a person at a desk is."""
    width, height = size
    x = np.linspace(-2, 2, width)
    y = np.linspace(-1.2, 1.0 if bottom else 1.3, height)
    alpha = np.clip(
        (1 - np.hypot(x[None], np.minimum(y, 0.2)[:, None] if bottom else y[:, None])) * 4, 0, 1
    )
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[..., :3] = RED
    rgba[..., 3] = np.rint(alpha * 255)
    return rgba


@pytest.fixture
def foregrounds(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    (folder / "talker").mkdir(parents=True)
    Image.fromarray(person()).save(folder / "still.png")
    for index in range(4):
        moved = np.roll(person((48, 36)), index, axis=1)
        Image.fromarray(moved).save(folder / "talker" / f"{index:05d}.png")
    return folder


@pytest.fixture
def backgrounds(tmp_path: Path) -> Path:
    """Blue all over, as two pictures and a video, so that the truth can be read off a composite."""
    folder = tmp_path / "rooms"
    folder.mkdir()
    Image.new("RGB", (200, 100), BLUE).save(folder / "room.png")
    Image.new("RGB", (90, 120), BLUE).save(folder / "wall.png")
    with av.open(str(folder / "street.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "bgr0"
        rgb = np.full((36, 64, 3), BLUE, np.uint8)
        for _ in range(2):  # shorter than the clips: it starts again
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        container.mux(stream.encode())
    return folder


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_every_composite_is_red_by_its_alpha_and_blue_by_the_rest(
    foregrounds: Path, backgrounds: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    said: list[tuple[int, int]] = []
    made = compose(
        Composition(out, foregrounds, backgrounds, frames=5, each=3),
        progress=lambda done, total: said.append((done, total)),
    )
    clips, stills = find_clips(out / "video"), find_stills(out / "images")
    assert {item.name for item in made if item.kind == "video"} == {clip.name for clip in clips}
    assert {item.name for item in made if item.kind == "images"} == {one.name for one in stills}
    assert (len(clips), len(stills)) == (6, 3)  # of the still and of the talker; of the still
    assert {item.camera for item in made} >= {"still", "video"}
    files = [*(out / "video").glob("*/com/*.png"), *(out / "images" / "image").iterdir()]
    assert said[-1] == (len(files), len(files))
    for file in files:
        truth = file.parents[1] / {"com": "pha", "image": "alpha"}[file.parent.name] / file.name
        picture, alpha = pixels(file).astype(int), pixels(truth).astype(int)
        assert alpha.max() == 255
        assert alpha.min() == 0
        assert np.abs(picture[..., 0] - alpha).max() <= 1
        assert np.abs(picture[..., 2] - (255 - alpha)).max() <= 1
        assert picture[..., 1].max() == 0


def test_a_clip_of_a_person_keeps_its_alpha_to_the_bit(
    foregrounds: Path, backgrounds: Path, tmp_path: Path
) -> None:
    compose(Composition(tmp_path / "set", foregrounds, backgrounds))
    for folder in (tmp_path / "set" / "video").glob("talker-*"):
        truths = sorted((folder / "pha").iterdir())
        assert len(truths) == 4
        for truth in truths:
            source = pixels(foregrounds / "talker" / truth.name)[..., 3]
            assert np.array_equal(pixels(truth), source)


def test_a_still_moves_smoothly(foregrounds: Path, backgrounds: Path, tmp_path: Path) -> None:
    compose(Composition(tmp_path / "set", foregrounds, backgrounds, frames=20, size=(160, 90)))
    for folder in (tmp_path / "set" / "video").glob("still-*"):
        alphas = [pixels(file).astype(float) for file in sorted((folder / "pha").iterdir())]
        changes = [np.abs(b - a).mean() for a, b in pairwise(alphas)]
        whole = max(np.abs(alpha - alphas[0]).mean() for alpha in alphas)
        assert whole > 2 * np.mean(changes) > 0


def test_the_seed_decides_everything(foregrounds: Path, backgrounds: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        compose(Composition(tmp_path / name, foregrounds, backgrounds, seed=seed, frames=3))
    a, b, c = (contents(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c
    listed = json.loads(a["composed.json"])
    assert listed["seed"] == 1
    assert {"name", "foreground", "background", "camera", "size"} <= listed["items"][0].keys()


def test_one_more_person_leaves_the_others_as_they_were(
    foregrounds: Path, backgrounds: Path, tmp_path: Path
) -> None:
    compose(Composition(tmp_path / "before", foregrounds, backgrounds, frames=2))
    Image.fromarray(person()).save(foregrounds / "another.png")
    compose(Composition(tmp_path / "after", foregrounds, backgrounds, frames=2))
    before, after = contents(tmp_path / "before"), contents(tmp_path / "after")
    del before["composed.json"]
    assert before.items() <= after.items()
    assert len(after) > len(before) + 1


def _solid(folder: Path) -> None:
    Image.new("RGB", (20, 20)).save(folder / "people" / "still.png")


def _uneven(folder: Path) -> None:
    Image.fromarray(person((20, 20))).save(folder / "people" / "talker" / "00002.png")


def _nobody(folder: Path) -> None:
    for file in sorted((folder / "people").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()


def _nowhere(folder: Path) -> None:
    for file in (folder / "rooms").iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_solid, "no alpha channel"),
        (_uneven, "another size"),
        (_nobody, "no picture and no folder"),
        (_nowhere, "no picture and no video"),
    ],
)
def test_what_cannot_be_composed_is_said(
    foregrounds: Path, backgrounds: Path, tmp_path: Path, spoil, words: str
) -> None:
    spoil(tmp_path)
    with pytest.raises(InputError, match=words):
        compose(Composition(tmp_path / "set", foregrounds, backgrounds, frames=4))


def test_a_folder_in_use_is_kept_unless_forced(
    foregrounds: Path, backgrounds: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    with pytest.raises(OutputExists, match="--force"):
        compose(Composition(out, foregrounds, backgrounds, frames=1))
    assert [file.name for file in out.iterdir()] == ["precious.txt"]
    compose(Composition(out, foregrounds, backgrounds, frames=1, force=True))
    assert (out / "video").is_dir()
    with pytest.raises(OutputExists, match="is a file"):
        compose(Composition(out / "precious.txt", foregrounds, backgrounds))


def test_the_sides_that_cut_through_a_person_are_found() -> None:
    assert cut_sides(person()) == {"bottom"}
    assert cut_sides(person(bottom=False)) == set()
    assert cut_sides(np.full((9, 9, 4), 255, np.uint8)) == {"left", "right", "top", "bottom"}


def test_who_is_cut_at_both_sides_keeps_the_shape_of_their_picture() -> None:
    assert frame_size((500, 375), frozenset(("left", "right")), (1280, 720)) == (960, 720)
    assert frame_size((500, 375), frozenset(("bottom",)), (1281, 721)) == (1280, 720)


def test_a_layer_over_a_room_is_a_weighted_mean() -> None:
    layer = np.zeros((1, 3, 4), np.float32)
    layer[0, 1] = (100, 50, 0, 127.5)  # premultiplied
    layer[0, 2] = (10, 20, 30, 255)
    picture, alpha = over(layer, np.full((1, 3, 3), 200, np.uint8))
    assert picture[0].tolist() == [[200, 200, 200], [200, 150, 100], [10, 20, 30]]
    assert alpha[0].tolist() == [0, 128, 255]


@given(
    st.tuples(st.integers(8, 400), st.integers(8, 400)),
    st.frozensets(st.sampled_from(["left", "right", "top", "bottom"])),
    st.tuples(st.integers(16, 400), st.integers(16, 400)),
    st.integers(0, 99),
    st.floats(0, 20),
)
def test_a_cut_never_shows(
    size: tuple[int, int],
    cuts: frozenset[str],
    box: tuple[int, int],
    seed: int,
    seconds: float,
) -> None:
    rng = np.random.default_rng(seed)
    frame = frame_size(size, cuts, box)
    for sway in (Sway(), Sway.draw(rng)):
        placed = place_person(size, cuts, frame, sway, rng)
        matrix = sway.matrix(seconds, frame)
        # The picture's corners in the frame, as edges of pixels rather than their centres.
        (left, top), (right, bottom) = (
            matrix[:, :2] @ (np.array(corner) - 0.5) + matrix[:, 2] + 0.5
            for corner in (
                (placed.left, placed.top),
                (placed.left + placed.width, placed.top + placed.height),
            )
        )
        assert "left" not in cuts or left <= 0.01
        assert "right" not in cuts or right >= frame[0] - 0.01
        assert "top" not in cuts or top <= 0.01
        assert "bottom" not in cuts or bottom >= frame[1] - 0.01
