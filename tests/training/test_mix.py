"""[mix], [looks] and the validation by kinds in a run: the same pictures at the same step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from app.errors import InputError
from app.frames import RGB
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize
from app.training import config, material, trainer, validation_kinds, views
from app.training.judging import Judge
from app.training.trainer import BEST, CHECKPOINT, STATES
from app.training.validation import alpha_of
from app.training.validation_kinds import Item, score
from tests.training.runs import random_weights, written

TOLD = """
[mix]
share = 2.0
sequences = 0.5
frames = [2, 3]
rooms = ["material/rooms"]
nobody = 0.0
[[mix.people]]
kind = "stills"
folder = "material/cutouts"
[[mix.people]]
kind = "portraits"
folder = "material/pairs"
[[mix.people]]
kind = "agreed"
folder = "material/rooms"
share = 0.2
[looks]
places = ["material/rooms"]
teacher = "start.safetensors"
cache = "looks"
[validation]
every = 2
reference = "start.safetensors"
[[validation.kinds]]
name = "head"
people = [{ kind = "stills", folder = "material/cutouts", split = "validation" }]
frames = 2
count = 2
size = [64, 64]
[[validation.kinds]]
name = "binary"
pairs = ["material/pairs"]
binary = true
"""


@pytest.fixture
def place(tmp_path: Path, material: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    random_weights(tmp_path / "start.safetensors")

    def look(network: MODNet, rgb: RGB) -> npt.NDArray[np.float32]:
        return np.stack([rgb[..., 0].astype(np.float32) / 255] * 7)

    # Seven looks of a real network at full size would take longer than the whole test.
    monkeypatch.setattr(views, "looks", look)

    def small(network: MODNet, rgb: RGB) -> npt.NDArray[np.float32]:
        return alpha_of(network, rgb, NetworkSize((64, 64)))

    monkeypatch.setattr(validation_kinds, "alpha_of", small)
    return tmp_path


def told(place: Path, name: str, **changes: object) -> config.TrainingConfig:
    start = {"weights": "start.safetensors", "average": 0.9, "keep": 2, "blend": [0.5]}
    return config.read(written(place / f"{name}.toml", TOLD, out=name, **{**start, **changes}))


def test_the_batch_of_a_step_does_not_depend_on_those_before(place: Path) -> None:
    read = material.read(told(place, "a"))
    device, rng = torch.device("cpu"), np.random.default_rng(0)
    batches = [read.draw(rng, step=step, rank=0, device=device) for step in range(12)]
    again = material.read(told(place, "a"))
    for step in (11, 4):
        batch = again.draw(np.random.default_rng(9), step=step, rank=0, device=device)
        assert batch.kind == batches[step].kind
        assert torch.equal(batch.rgb, batches[step].rgb)
        assert batch.alpha is not None
        assert torch.equal(batch.alpha, batches[step].alpha)
    other = again.draw(rng, step=4, rank=1, device=device)
    assert other.rgb.shape != batches[4].rgb.shape or not torch.equal(other.rgb, batches[4].rgb)
    assert {batch.kind for batch in batches} == {"mix", "looks"}
    sequences = [batch for batch in batches if batch.frames > 1]
    assert sequences
    assert all(len(batch.rgb) == batch.frames for batch in sequences)


def test_at_the_teachers_edge_f_and_d_learn_less(place: Path) -> None:
    read = material.read(told(place, "a"))
    assert read.distillation is not None
    batch = read.distillation.draw(step=0, rank=0, batch=1)
    assert float(batch.evidence[:, 0].min()) == 1
    assert float(batch.evidence[:, 1].min()) == pytest.approx(0.3)


def test_a_run_that_was_stopped_goes_on_with_the_very_same_losses(place: Path) -> None:
    trainer.run(told(place, "whole", steps=4))
    trainer.run(told(place, "parts", steps=2))
    assert (place / "parts" / BEST).is_file()
    trainer.run(told(place, "parts", steps=4))

    def steps(name: str) -> list[dict[str, object]]:
        lines = (place / name / "history.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if "loss" in one]

    assert steps("parts") == steps("whole")
    ends = [torch.load(place / name / CHECKPOINT, weights_only=True) for name in ("whole", "parts")]
    for key, value in ends[0]["network"].items():
        assert torch.equal(value, ends[1]["network"][key])


def test_the_end_tries_the_mean_of_the_best_states_and_mixtures_with_the_start(
    place: Path,
) -> None:
    said: list[str] = []
    done: list[trainer.Progress] = []
    trainer.run(told(place, "out", steps=4), done.append, said.append)
    assert any(text.startswith("The mean of the best states: MAD") for text in said)
    assert any("their mean with 0.5 of the start" in text.lower() for text in said)
    assert len(list((place / "out" / STATES).iterdir())) == 2
    judged = [one for one in done if one.verdict is not None]
    assert [one.step for one in judged] == [2, 4]
    assert set(judged[0].verdict.kinds) == {"head", "binary"}  # type: ignore[union-attr]
    assert judged[0].scores is not None
    assert len(judged[0].scores.items) == 4
    said.clear()
    # What is finished is not tried again.
    trainer.run(told(place, "out", steps=4), done.append, said.append)
    assert not any("mean of the best" in text for text in said)
    assert len(losses_of(place / "out")) == 4


def losses_of(out: Path) -> list[float]:
    lines = (out / "history.jsonl").read_text().splitlines()
    return [one["loss"] for one in map(json.loads, lines) if "loss" in one]


def test_a_kind_without_items_is_told(place: Path) -> None:
    empty = TOLD + '[[validation.kinds]]\nname = "nothing"\n'
    path = written(place / "run.toml", empty, weights="start.safetensors")
    with pytest.raises(InputError, match="'nothing' names no people, pairs or clips"):
        trainer.run(config.read(path))


# -- how items are judged --------------------------------------------------------------------------


def half(right: float) -> npt.NDArray[np.float32]:
    alpha = np.zeros((100, 100), np.float32)
    alpha[:, 50:] = right
    return alpha


def test_what_is_not_sure_is_not_judged_and_gross_is_away_from_the_edge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    black = np.zeros((100, 100, 3), np.uint8)
    seen = half(1.0)
    seen[:, 48:50] = 1  # two columns too wide
    seen[:10, :10] = 1  # and an island
    monkeypatch.setattr(validation_kinds, "alpha_of", lambda network, rgb: seen)
    whole = score(MODNet(), [Item("k", "k/a", [(black, half(1.0), None)])])["k/a"]
    assert whole["mad"] == pytest.approx(1e3 * (200 + 100) / 1e4)
    assert whole["gross"] == pytest.approx(1e3 * 100 / 1e4)
    sure = np.ones((100, 100), bool)
    sure[:, 40:60] = False
    edge = score(MODNet(), [Item("k", "k/a", [(black, half(1.0), sure)])])["k/a"]
    assert edge["mad"] == pytest.approx(1e3 * 100 / 8e3)
    assert "dtssd" not in edge


def test_clips_are_judged_by_their_motion_too(monkeypatch: pytest.MonkeyPatch) -> None:
    black = np.zeros((100, 100, 3), np.uint8)
    frames = [(black, half(1.0), None), (black, half(1.0), None)]
    seen = iter([half(1.0), half(0.8)])
    monkeypatch.setattr(validation_kinds, "alpha_of", lambda network, rgb: next(seen))
    found = score(MODNet(), [Item("k", "k/a", frames)])["k/a"]
    assert found["dtssd"] == pytest.approx(1e2 * 0.2 * 0.5**0.5)


def test_held_out_people_are_the_same_whatever_the_run_learns_from(place: Path) -> None:
    one, two = (Judge(told(place, "one", **changes)).items for changes in ({}, {"seed": 7}))
    assert [item.name for item in one] == [item.name for item in two]
    assert [item.name for item in one][:2] == ["head/0-1", "head/1-1"]
    for item, same in zip(one, two, strict=True):
        for (rgb, alpha, _), (rgb2, alpha2, _) in zip(item.frames, same.frames, strict=True):
            assert np.array_equal(rgb, rgb2)
            assert np.array_equal(alpha, alpha2)
