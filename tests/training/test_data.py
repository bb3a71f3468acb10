"""What training looks at: composites, pairs, frames, and what kornia does to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.errors import InputError
from app.training import data, material
from app.training.augment import Augmentation
from app.training.config import Augment, Composites, TrainingConfig, Unlabelled
from app.training.data import Sample
from tests.training.conftest import person, room


def people(folder: Path) -> data.People:
    return data.read_people([folder / "cutouts"], [folder / "pairs"], [folder / "rooms"])


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(material: Path) -> None:
    known = people(material)
    first, again, other = (known.draw(np.random.default_rng(seed), (96, 64)) for seed in (1, 1, 2))
    assert torch.equal(first.rgb, again.rgb)
    assert torch.equal(first.alpha, again.alpha)
    assert not torch.equal(first.rgb, other.rgb)


def test_pictures_have_the_size_that_was_asked_for_and_lie_between_0_and_1(material: Path) -> None:
    known, rng = people(material), np.random.default_rng(0)
    for _ in range(12):
        sample = known.draw(rng, (96, 64))
        assert sample.rgb.shape == (1, 3, 64, 96)
        assert sample.alpha.shape == (1, 1, 64, 96)
        for part in sample:
            assert float(part.min()) >= 0
            assert float(part.max()) <= 1


def test_the_colour_of_what_is_transparent_does_not_bleed_into_the_edge() -> None:
    """A black shirt on transparent white: no pixel of the edge may be lighter than the shirt."""
    rgba = np.full((160, 120, 4), 255, np.uint8)
    rgba[..., 3] = person(0)[..., 3]
    rgba[rgba[..., 3] > 0, :3] = 10
    black = np.zeros((64, 96, 3), np.uint8)
    known, rng = data.People([[rgba]], [black]), np.random.default_rng(0)
    brightest = max(float(known.composite(rng, (96, 64)).rgb.max()) for _ in range(20))
    # 10 of 255, in the brightest light that training makes.
    assert brightest < 2.5 * 10 / 255


def test_people_stand_on_both_sides_and_some_pictures_show_nobody() -> None:
    """The person is in the left half of their picture: mirrored, in the right one."""
    rgba = np.zeros((160, 120, 4), np.uint8)
    rgba[20:, 10:50] = 200
    rgba[20:, 10:25, 0] = 0
    known, rng = data.People([[rgba]], [room(0)]), np.random.default_rng(0)
    reddest_left, areas = [], []
    for _ in range(60):
        sample = known.composite(rng, (96, 64))
        areas.append(float(sample.alpha.mean()))
        columns = (sample.rgb[0, 0] * (sample.alpha[0, 0] > 0.9)).sum(0)
        if columns.any():
            seen = columns.nonzero().flatten()
            middle = int((seen[0] + seen[-1]) // 2)
            reddest_left.append(float(columns[:middle].sum()) > float(columns[middle:].sum()))
    assert 0.2 < np.mean(reddest_left) < 0.8
    assert min(areas) == 0
    assert max(areas) > 0.2


def test_pairs_are_shown_as_they_are_where_there_is_no_room(material: Path) -> None:
    known = data.read_people([], [material / "pairs"], [])
    sample = known.draw(np.random.default_rng(0), (64, 64))
    assert sample.alpha.max() > 0.9
    # What the picture shows beside its person is its own, not nothing.
    assert float(sample.rgb[sample.alpha.expand(-1, 3, -1, -1) == 0].mean()) > 0.1


def test_with_rooms_a_pair_is_shown_both_ways() -> None:
    grey = np.full((64, 64, 4), 128, np.uint8)
    grey[..., 3] = 0
    # Nobody is to be seen in this pair, so what is shown is all room: its own grey, or the black.
    known = data.People([[grey]], [np.zeros((64, 64, 3), np.uint8)], [grey])
    rng = np.random.default_rng(0)
    own = [float(known.draw(rng, (64, 64)).rgb.mean()) > 0.1 for _ in range(40)]
    assert 0.25 < np.mean(own) < 0.75


def test_frames_are_thinned_out_and_a_folder_of_pictures_is_a_clip(material: Path) -> None:
    frames = data.read_frames([material / "rooms"], stride=2)
    assert [len(clip) for clip in frames.clips] == [2]
    assert len(frames) == 2
    seen = {frames.draw_rgb(np.random.default_rng(seed)).tobytes() for seed in range(16)}
    mirrored = {np.ascontiguousarray(rgb[:, ::-1]).tobytes() for rgb in frames.clips[0]}
    assert mirrored & seen
    assert {rgb.tobytes() for rgb in frames.clips[0]} & seen


def test_a_batch_without_alpha_is_cut_to_one_shape_and_a_single_picture_keeps_its_own(
    material: Path,
) -> None:
    Image.fromarray(room(9, (100, 300))).save(material / "rooms/9.png")

    def drawn(batch: int) -> torch.Tensor:
        told = TrainingConfig(
            out=material,
            batch=batch,
            sizes=((96, 64),),
            soc=Unlabelled(clips=(material / "rooms/9.png",)),
        )
        draw = read(told).draw
        return draw(np.random.default_rng(0), step=0, rank=0, device=torch.device("cpu")).rgb

    assert drawn(3).shape == (3, 3, 64, 96)
    assert drawn(1).shape == (1, 3, 128, 32)


def read(told: TrainingConfig) -> material.Material:
    return material.read(told)


def test_kinds_come_as_often_as_their_shares_say_and_do_not_depend_on_what_came_before() -> None:
    shares = {"supervised": 3.0, "soc": 1.0}
    drawn = material.Material(None, None, None, shares, None, ((64, 64),), 1, seed=5)
    kinds = [drawn.kind(step) for step in range(400)]
    assert 0.68 < kinds.count("supervised") / 400 < 0.82
    assert [drawn.kind(step) for step in (7, 3)] == [kinds[7], kinds[3]]


# -- kornia --------------------------------------------------------------------------------------


def square(where: int) -> Sample:
    """A square of alpha 0.5, on which the picture is bright."""
    alpha = torch.zeros(2, 1, 64, 96)
    alpha[:, :, 20:44, where : where + 24] = 0.5
    return Sample(0.2 + alpha.expand(-1, 3, -1, -1), alpha)


def test_alpha_moves_with_its_picture_and_stays_soft() -> None:
    changed = Augmentation(Augment(scale=(0.8, 1.3)))(square(10), seed=3)
    assert not torch.equal(changed.alpha, square(10).alpha)
    for rgb, alpha in zip(changed.rgb, changed.alpha, strict=True):
        inside, outside = rgb[:, alpha[0] > 0.45], rgb[:, alpha[0] < 0.01]
        assert float(inside.min()) > float(outside.max())
        assert 0.45 < float(alpha.max()) <= 0.5
    # Each picture of a batch in its own way.
    assert not torch.equal(changed.alpha[0], changed.alpha[1])


def test_the_change_follows_from_its_seed_and_leaves_other_chances_alone() -> None:
    change = Augmentation(Augment())
    torch.manual_seed(0)
    first = change(square(30), seed=1)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.rand(1) == after
    assert torch.equal(change(square(30), seed=1).rgb, first.rgb)
    assert not torch.equal(change(square(30), seed=2).rgb, first.rgb)


def test_what_is_switched_off_changes_nothing() -> None:
    still = Augment(flip=0, scale=(1, 1), brightness=0, contrast=0, saturation=0, hue=0)
    changed = Augmentation(still)(square(10), seed=0)
    assert torch.allclose(changed.rgb, square(10).rgb, atol=1e-5)
    assert torch.allclose(changed.alpha, square(10).alpha, atol=1e-5)


def test_kornia_comes_only_with_an_augmentation_and_brings_no_torchvision() -> None:
    program = (
        "import sys\n"
        "import app.training.trainer\n"
        "assert 'kornia' not in sys.modules\n"
        "from app.training.augment import Augmentation\n"
        "from app.training.config import Augment\n"
        "Augmentation(Augment())\n"
        "assert 'kornia' in sys.modules and 'torchvision' not in sys.modules\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


# -- what is wrong with a folder is said in a sentence ---------------------------------------------


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("no cutouts", "is not there; check the name"),
        ("empty cutouts", "There is no person with alpha"),
        ("no alpha channel", "There is no person with alpha"),
        ("no room", "There is no background"),
        ("alpha without image", "has no picture"),
        ("image without alpha", "has no alpha"),
        ("another size", "both must have one size"),
        ("damaged picture", "not a picture that can be read"),
    ],
)
def test_what_is_wrong_with_the_people_is_said(material: Path, broken: str, said: str) -> None:
    cutouts, pairs, rooms = (material / name for name in ("cutouts", "pairs", "rooms"))
    wanted = Composites(cutouts=(cutouts,), rooms=(rooms,))
    if broken == "no cutouts":
        wanted = Composites(cutouts=(material / "nowhere",), rooms=(rooms,))
    elif broken in ("empty cutouts", "no alpha channel"):
        for file in cutouts.iterdir():
            file.unlink()
        if broken == "no alpha channel":
            Image.fromarray(room(0)).save(cutouts / "0.png")
    elif broken == "no room":
        wanted = Composites(cutouts=(cutouts,))
    elif broken == "damaged picture":
        (cutouts / "0.png").write_bytes(b"nothing of the kind")
    else:
        wanted = Composites(pairs=(pairs,))
        if broken == "another size":
            Image.fromarray(np.zeros((10, 10), np.uint8)).save(pairs / "alpha/4.png")
        else:
            missing = "image" if broken == "alpha without image" else "alpha"
            (pairs / missing / "4.png").unlink()
    with pytest.raises(InputError, match=said) as raised:
        data.read_people(wanted.cutouts, wanted.pairs, wanted.rooms)
    assert "\n" not in str(raised.value)


def test_no_clip_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no clip that can be read"):
        data.read_frames([tmp_path])


def test_an_animation_beside_videos_is_a_clip_and_makes_no_clip_of_its_folder(
    tmp_path: Path,
) -> None:
    frames = [Image.fromarray(room(seed, (64, 48))) for seed in range(4)]
    frames[0].save(tmp_path / "nod.gif", save_all=True, append_images=frames[1:], duration=40)
    found = data.read_frames([tmp_path], stride=1)
    assert [len(clip) for clip in found.clips] == [4]
