"""A run: it can be stopped at any moment, shared among processes, and fails in a sentence."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli import main
from app.errors import DiskFull, WeightsError
from app.modnet import weights
from app.training import board, config, material, objectives, trainer
from app.training.objectives import TrainingDiverged
from app.training.start import starting_network
from app.training.trainer import BEST, CHECKPOINT
from app.training.validation import read_excerpts, validate
from tests.training.runs import SUPERVISED, losses, random_weights, written

ROOT = Path(__file__).resolve().parents[2]
START = {"weights": "start.safetensors"}
EVERYTHING = f"""
[augment]
[supervised]
share = 2.0
{SUPERVISED.partition("]")[2]}
[soc]
clips = ["material/rooms"]
stride = 1
[distil]
clips = ["material/rooms"]
stride = 1
"""
# Ends itself in the middle of a step, as the kernel's OOM killer would.
KILLED = """
import os, signal, sys, torch
from pathlib import Path
from app.training import config, trainer

torch.set_num_threads(1)


def die(done):
    if done.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)


trainer.run(config.read(Path(sys.argv[1])), die)
"""


@pytest.fixture
def place(tmp_path: Path, material: Path) -> Path:
    random_weights(tmp_path / "start.safetensors")
    return tmp_path


def child(*arguments: str) -> subprocess.CompletedProcess[str]:
    threads = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **threads},
        capture_output=True,
        text=True,
        timeout=500,
    )


def test_a_run_that_was_killed_goes_on_with_the_very_same_losses(place: Path) -> None:
    told = {"weights": "start.safetensors", "steps": 8, "average": 0.9, "refresh": 3}
    whole = written(place / "whole.toml", EVERYTHING, out="whole", **told)
    broken = written(place / "broken.toml", EVERYTHING, out="broken", **told)
    trainer.run(config.read(whole))
    done = child("-c", KILLED, str(broken))
    assert done.returncode == -9, done.stderr
    assert len(losses(place / "broken")) == 4
    trainer.run(config.read(broken))
    assert losses(place / "broken") == losses(place / "whole")
    assert len(losses(place / "whole")) == 8
    ends = [weights.load(place / name / BEST).network.state_dict() for name in ("whole", "broken")]
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())


def test_a_longer_run_goes_on_from_a_shorter_one(place: Path) -> None:
    trainer.run(config.read(written(place / "a.toml", SUPERVISED, steps=2, **START)))
    first = losses(place / "out")
    seen: list[int] = []
    longer = config.read(written(place / "a.toml", SUPERVISED, steps=3, **START))
    trainer.run(longer, lambda done: seen.append(done.step))
    assert seen == [3]
    assert losses(place / "out")[:2] == first


def test_two_processes_share_a_run(place: Path) -> None:
    written(place / "run.toml", SUPERVISED, weights="start.safetensors", steps=3)
    done = child(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("main.py", "train", str(place / "run.toml"), "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["steps"] == 3
    assert len(losses(place / "out")) == 3
    stored = torch.load(place / "out" / CHECKPOINT, weights_only=True)
    assert len(stored["rng"]) == 2
    assert stored["rng"][0] != stored["rng"][1]


def test_two_processes_take_the_step_of_one_that_sees_both_pictures(place: Path) -> None:
    script = Path(__file__).with_name("two_processes.py")
    done = child(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"), str(script)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("equal") == 2


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_there_was(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = material.Material.draw

    def poisoned(self: material.Material, *arguments: object, **named: object) -> material.Batch:
        batch = draw(self, *arguments, **named)
        return material.Batch(batch.kind, batch.rgb * float("nan"), batch.alpha)

    trainer.run(config.read(written(place / "run.toml", SUPERVISED, **START, steps=2)))
    kept = (place / "out" / BEST).read_bytes(), (place / "out" / CHECKPOINT).read_bytes()
    monkeypatch.setattr(material.Material, "draw", poisoned)
    path = written(place / "run.toml", SUPERVISED, **START, steps=6)
    assert main(["train", str(path)]) == 1
    said = capsys.readouterr().err
    assert "its loss is not finite" in said
    assert "Traceback" not in said
    assert kept == ((place / "out" / BEST).read_bytes(), (place / "out" / CHECKPOINT).read_bytes())


def test_a_full_disk_leaves_the_checkpoint_that_was_there(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(place / "run.toml", SUPERVISED, **START, steps=6)
    checkpoint = place / "out" / CHECKPOINT
    kept: list[bytes] = []

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(done: trainer.Progress) -> None:
        if done.step == 3:
            kept.append(checkpoint.read_bytes())
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(DiskFull, match="disk is full"):
        trainer.run(config.read(path), fill)
    assert checkpoint.read_bytes() == kept[0]
    assert [file.name for file in (place / "out").iterdir() if file.suffix == ".part"] == []
    monkeypatch.undo()
    trainer.run(config.read(path))
    assert len(losses(place / "out")) == 6


def test_what_diverges_raises_before_anything_is_changed(place: Path) -> None:
    network = weights.load(place / "start.safetensors").network
    before = {key: value.clone() for key, value in network.state_dict().items()}
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    loss = network(torch.full((1, 3, 64, 64), float("nan"))).mean()
    with pytest.raises(TrainingDiverged, match="smaller rate"):
        objectives.descend(optimiser, loss)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_only_the_parts_that_are_named_learn(place: Path) -> None:
    path = written(place / "run.toml", SUPERVISED, **START, steps=1, learn=["f_branch"], rate=0.01)
    trainer.run(config.read(path))
    start = weights.load(place / "start.safetensors").network.state_dict()
    end = weights.load(place / "out" / BEST).network.state_dict()
    changed = {
        key.split(".")[0] for key, value in end.items() if not torch.equal(value, start[key])
    }
    assert changed == {"f_branch"}


def test_the_rate_falls_as_in_the_paper(tmp_path: Path) -> None:
    told = config.TrainingConfig(out=tmp_path, rate=0.01, decay_every=10)
    assert [trainer.rate_at(told, step) for step in (0, 9, 10, 25)] == pytest.approx(
        [0.01, 0.01, 0.001, 0.0001]
    )
    assert trainer.rate_at(config.TrainingConfig(out=tmp_path, rate=0.01), 999) == 0.01


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_in_batches_with_the_norms_learning_too(place: Path, precision: str) -> None:
    path = written(
        place / "run.toml",
        SUPERVISED,
        weights="none",
        context_block="easpp",
        train_norms=True,
        batch=2,
        precision=precision,
        optimiser="sgd",
        rate=0.01,
        steps=2,
    )
    trainer.run(config.read(path))
    end = weights.load(place / "out" / BEST).network
    assert end.context_block == "easpp"
    assert end.hr_branch.conv_enc2x.layers[1].bnorm.running_mean.any()


def test_it_validates_on_clips_with_alpha_and_shows_pictures_in_tensorboard(
    place: Path, material: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    clip = place / "clips/one"
    for source, target in (("image", "com"), ("alpha", "pha")):
        (clip / target).mkdir(parents=True)
        for index, file in enumerate(sorted((material / "pairs" / source).iterdir())):
            shutil.copy(file, clip / target / f"{index:05d}.png")
    path = written(
        place / "run.toml",
        f'{SUPERVISED}[validation]\nclips = ["clips"]\nevery = 1\n',
        **START,
        steps=2,
        tensorboard=True,
    )
    told = []
    trainer.run(config.read(path), told.append)
    assert [set(done.scores.by_clip) for done in told if done.scores] == [{"one"}, {"one"}]
    # What it began with is what the weights that it began with make of the same clips.
    network = weights.load(place / "start.safetensors").network
    assert told[0].began == validate(network, read_excerpts([place / "clips"], 6))
    assert told[1].began == told[0].began
    log = EventAccumulator(str(place / "out/tensorboard")).Reload()
    assert {"loss/supervised", "validation/mad", "rate"} <= set(log.Tags()["scalars"])
    assert log.Tags()["images"] == ["one"]


def test_the_pictures_show_the_branches_beside_the_truth(place: Path) -> None:
    network = weights.load(place / "start.safetensors").network
    truth = np.zeros((72, 128), np.uint8)
    truth[:, 64:] = 255
    strip = board.branches(network, np.full((72, 128, 3), 80, np.uint8), truth)
    width = strip.shape[1] // 5
    assert set(np.unique(strip[:, :width])) == {80}
    assert strip[0, width, 0] == 0
    assert strip[0, 2 * width - 1, 0] == 255


def test_a_torchvision_backbone_is_taken_over_layer_by_layer(place: Path) -> None:
    own = weights.load(place / "start.safetensors").network.backbone.state_dict()
    # torchvision nests the layers of a block, and has a classifier.
    names = {key: f"features.{index}" for index, key in enumerate(own)}
    state = {names[key]: value for key, value in own.items() if "num_batches" not in key}
    torch.save({**state, "classifier.1.weight": torch.zeros(1000, 1280)}, place / "imagenet.pth")
    path = written(
        place / "run.toml", SUPERVISED, weights="none", backbone="imagenet.pth", context_block="se"
    )
    network, missing = starting_network(config.read(path))
    assert not missing
    for key, value in network.backbone.state_dict().items():
        assert torch.equal(value, own[key]) or "num_batches" in key
    torch.save({key: value[..., :1] for key, value in state.items()}, place / "imagenet.pth")
    with pytest.raises(WeightsError, match="no MobileNetV2"):
        starting_network(config.read(path))


def test_weights_of_modnet_give_their_backbone_alone(place: Path) -> None:
    path = written(
        place / "run.toml", SUPERVISED, weights="none", backbone="start.safetensors", seed=3
    )
    network, _ = starting_network(config.read(path))
    given = weights.load(place / "start.safetensors").network
    assert torch.equal(
        network.backbone.model.features[0][0].weight, given.backbone.model.features[0][0].weight
    )
    assert not torch.equal(
        network.f_branch.conv_lr4x.layers[0].weight, given.f_branch.conv_lr4x.layers[0].weight
    )
