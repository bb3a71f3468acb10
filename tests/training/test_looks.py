"""What several looks of a teacher agree on, made once and kept by teacher and pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app.errors import InputError, OutputError
from app.frames import RGB
from app.modnet.network import MODNet
from app.training import looks, views
from app.training.foregrounds import read_file
from app.training.looks import Teacher, agreement
from app.training.mix_config import Looks, Source
from app.weights.store import WeightsFile
from tests.training.conftest import person, room

Looked = list[tuple[int, ...]]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Looked:
    """The shapes of the pictures that a teacher looked at; it sees what is bright."""
    seen: Looked = []

    def look(network: MODNet, rgb: RGB) -> npt.NDArray[np.float32]:
        seen.append(rgb.shape)
        alpha = rgb[..., 0].astype(np.float32) / 255
        unsure = np.stack([alpha] * 7)
        unsure[:3, :8] = 1 - unsure[:3, :8]
        return unsure

    monkeypatch.setattr(views, "looks", look)
    monkeypatch.setattr(Teacher, "_network", MODNet())
    return seen


def teacher(folder: Path, sha256: str = "a" * 64, longest: int = 300) -> Teacher:
    return Teacher(WeightsFile("t", folder, sha256, 1, "file"), folder / "cache", longest)


def test_alpha_is_the_median_and_doubt_says_where_the_looks_differ() -> None:
    alphas = np.zeros((7, 1, 3), np.float32)
    alphas[:, 0, 1] = 1
    alphas[0, 0, 1] = 0  # one look errs: nobody doubts for that
    alphas[:, 0, 2] = (0, 0, 0.1, 0.2, 0.3, 0.5, 1)
    alpha, doubt = agreement(alphas)
    assert alpha.tolist() == [[0, 255, 51]]
    assert doubt[0, :2].tolist() == [0, 0]
    assert doubt[0, 2] == 255


def test_a_picture_is_looked_at_once_for_each_teacher(tmp_path: Path, looked: Looked) -> None:
    rgb = room(0, (400, 200))
    first = teacher(tmp_path).kept(rgb)
    assert teacher(tmp_path).kept(rgb.copy()) == first
    assert len(looked) == 1
    assert teacher(tmp_path, "b" * 64).kept(rgb) != first
    assert teacher(tmp_path).kept(room(1, (400, 200))) != first
    assert len(looked) == 3
    read = read_file(first, 300)
    assert read.rgba.shape == (150, 300, 4)
    assert read.scene is not None
    assert np.abs(read.scene.astype(int) - cv2.resize(rgb, (300, 150))).mean() < 20
    assert read.evidence is not None
    assert read.evidence[20:, :, :].min() == 255


def test_only_what_has_to_be_made_is_told(tmp_path: Path, looked: Looked) -> None:
    said: list[str] = []
    for _ in range(2):
        maker = Teacher(WeightsFile("t", tmp_path, "a" * 64, 1, "file"), tmp_path, 300, said.append)
        maker.kept(room(0), "talk.mp4")
    assert said == ["The teacher looks at talk.mp4"]


def test_the_cache_is_for_the_user_alone(tmp_path: Path, looked: Looked) -> None:
    kept = teacher(tmp_path).kept(room(0))
    assert kept.alpha is not None
    for path in (kept.image, kept.alpha):
        assert path.stat().st_mode & 0o077 == 0
    assert kept.image.parent.stat().st_mode & 0o077 == 0


def test_a_picture_without_its_matte_is_made_again(tmp_path: Path, looked: Looked) -> None:
    kept = teacher(tmp_path).kept(room(0))
    assert kept.alpha is not None
    kept.alpha.unlink()
    assert teacher(tmp_path).kept(room(0)) == kept
    assert len(looked) == 2
    kept.alpha.write_bytes(b"half of it")
    with pytest.raises(InputError, match="damaged; remove it"):
        read_file(kept, 300)


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, looked: Looked) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        teacher(tmp_path).kept(room(0))


def test_agreed_people_are_stills_of_their_own_and_clips_that_move(
    tmp_path: Path, looked: Looked
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        Image.fromarray(np.ascontiguousarray(person(seed)[..., :3])).save(folder / f"p{seed}.png")
    frames = [Image.fromarray(room(seed, (64, 48))) for seed in range(5)]
    frames[0].save(folder / "clip.gif", save_all=True, append_images=frames[1:], duration=40)
    source = Source(kind="agreed", folder=folder, without="p1", stride=2)
    people = teacher(tmp_path).people(source)
    assert {one.key: (one.moves, len(one.files)) for one in people} == {
        "p0": (False, 1),
        "p2": (False, 1),
        "clip": (True, 3),
    }


def test_places_are_read_clip_by_clip(tmp_path: Path, looked: Looked) -> None:
    for seed in range(3):
        Image.fromarray(room(seed)).save(tmp_path / f"{seed}.png")
    told = Looks(places=(tmp_path,), without="1")
    found = looks.read_looks(told, teacher(tmp_path))
    assert [[len(clip) for clip in clips] for clips in found] == [[1, 1]]
    with pytest.raises(InputError, match="There is no picture and no clip"):
        looks.read_looks(Looks(places=(tmp_path,), only="x"), teacher(tmp_path))
