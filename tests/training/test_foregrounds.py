"""People of every kind of source: who is drawn, on which side of the split, and in what state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from app.errors import InputError
from app.training.foregrounds import Foregrounds, Person, PictureFile, people_of, read_file, split
from app.training.mix_config import Source
from app.training.picture_cache import PictureCache
from tests.training.conftest import person


def nobody(source: Source) -> Sequence[Person]:
    return []


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """Seven people, each neutral (03) and smiling (08)."""
    for number in range(1, 8):
        for face in ("03", "08"):
            Image.fromarray(person(number)).save(tmp_path / f"{number:03d}_{face}.webp")
    return tmp_path


def test_both_expressions_of_a_person_are_on_one_side_of_the_split(twice: Path) -> None:
    sides = {
        side: people_of(
            Source(kind="stills", folder=twice, person=r"^(\d+)_", split=side),  # type: ignore[arg-type]
            nobody,
        )
        for side in ("train", "validation")
    }
    assert [one.key for one in sides["validation"]] == ["002", "005"]
    assert [one.key for one in sides["train"]] == ["001", "003", "004", "006", "007"]
    assert all(len(one.files) == 2 for people in sides.values() for one in people)


def test_the_split_follows_the_order_of_names_and_not_of_reading() -> None:
    people = [Person(name, (PictureFile(Path(name)),)) for name in "cab"]
    assert [one.key for one in split(people, "validation")] == ["b"]
    assert [one.key for one in split(people, "all")] == ["a", "b", "c"]


def test_sources_are_drawn_by_their_share_and_their_people_alike() -> None:
    def of(names: str) -> list[Person]:
        return [Person(name, (PictureFile(Path(name)),)) for name in names]

    known = Foregrounds([(3.0, of("a")), (1.0, of("bcd"))], 64, PictureCache(0))
    rng = np.random.default_rng(0)
    drawn = [known.draw(rng).key for _ in range(600)]
    assert 0.7 < drawn.count("a") / 600 < 0.8
    assert all(0.04 < drawn.count(name) / 600 < 0.13 for name in "bcd")


def test_decoded_pictures_stay_within_their_memory() -> None:
    cache = PictureCache(3000)
    made: list[int] = []

    def read(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        def make() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
            made.append(number)
            return np.full(1000, number, np.uint8)

        return cache.get(number, make)

    for number in (1, 2, 3, 1, 4, 1, 2):
        assert int(read(number)[0]) == number
        assert cache.bytes <= 3000
    # 2 was used longest ago when 4 came, so it alone is read twice.
    assert made == [1, 2, 3, 4, 2]


def test_what_does_not_fit_into_the_memory_is_read_and_not_kept() -> None:
    cache = PictureCache(10)
    assert len(cache.get("large", lambda: np.zeros(100, np.uint8))) == 100
    assert len(cache) == 0


def test_the_room_of_a_picture_does_not_stick_to_who_is_cut_out(tmp_path: Path) -> None:
    """A dark person before a white room, with a soft edge that mixes both."""
    rgba = person(0)
    share = rgba[..., 3:].astype(np.float32) / 255
    mixed = 20 * share + 255 * (1 - share)
    Image.fromarray(np.repeat(mixed, 3, axis=2).astype(np.uint8)).save(tmp_path / "image.png")
    Image.fromarray(np.ascontiguousarray(rgba[..., 3])).save(tmp_path / "alpha.png")
    found = read_file(PictureFile(tmp_path / "image.png", tmp_path / "alpha.png"), 400)
    assert found.rgba[..., :3].max() < 40
    assert found.scene is not None
    assert found.scene.max() == 255
    assert found.evidence is None


def test_a_hard_segmentation_is_no_evidence_at_its_edge_but_for_s(tmp_path: Path) -> None:
    alpha = np.zeros((200, 200), np.uint8)
    alpha[:, 100:] = 255
    Image.fromarray(np.dstack([alpha] * 3)).save(tmp_path / "image.png")
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    files = PictureFile(tmp_path / "image.png", tmp_path / "alpha.png", "binary")
    evidence = read_file(files, 400).evidence
    assert evidence is not None
    assert (evidence[..., 0] == 255).all()
    assert (evidence[:, 97:103, 1] == 0).all()
    assert (evidence[:, :90, 1] == 255).all()
    assert (evidence[:, 110:, 1] == 255).all()


def test_frames_of_a_clip_stay_in_order_and_are_thinned_out(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    for number in range(6):
        Image.fromarray(person(number)).save(tmp_path / f"walk/{number:03d}.png")
    source = Source(kind="clips", folder=tmp_path, stride=2, limit=2)
    (clip,) = people_of(source, nobody)
    assert clip.moves
    assert [file.image.stem for file in clip.files] == ["000", "002"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"only": "nobody"}, "There is no person in"),
        ({"person": "^x"}, "does not match person"),
        ({"folder": "nowhere"}, "is not there"),
    ],
)
def test_a_source_that_gives_nobody_is_told(twice: Path, told: dict[str, str], said: str) -> None:
    folder = twice / told.pop("folder", ".")
    with pytest.raises(InputError, match=said):
        people_of(Source.model_validate({"kind": "stills", "folder": folder, **told}), nobody)


def test_a_still_without_alpha_is_told(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="no alpha channel"):
        read_file(PictureFile(tmp_path / "a.png"), 64)


def test_an_island_in_an_agreed_matte_is_doubted(tmp_path: Path) -> None:
    alpha = np.zeros((200, 200), np.uint8)
    alpha[60:, 40:120] = 255
    alpha[10:30, 150:170] = 255
    Image.fromarray(np.dstack([alpha] * 3)).save(tmp_path / "a.jpg")
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([alpha, 0 * alpha, 0 * alpha]))
    files = PictureFile(tmp_path / "a.jpg", tmp_path / "a.png", "agreed")
    evidence = read_file(files, 400).evidence
    assert evidence is not None
    assert (evidence[8:32, 148:172] == 0).all()
    assert (evidence[50:, 30:130] == 255).all()
