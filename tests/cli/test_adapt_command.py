"""`python main.py adapt`, as a user and a script meet it."""

from __future__ import annotations

import copy
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from app.cli import main
from app.frames import RGB
from app.modnet import weights
from app.modnet.network import MODNet
from app.training import adapt as adapting
from app.training import adapt_job
from app.training.adapt import Outcome, Progress
from app.training.guard import Signs
from app.training.objectives import TrainingDiverged
from app.weights import eight_bit, store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with a MODNet called `base` that has learned nothing."""
    place = tmp_path / "weights"
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(place))
    monkeypatch.setenv("COLUMNS", "240")
    torch.manual_seed(0)
    weights.save_safetensors(MODNet(), place / "base.safetensors", metadata={"licence": "MIT"})
    return place


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    place = tmp_path / "me"
    place.mkdir()
    for index in range(50):
        Image.new("RGB", (96, 64), (4 * index, 80, 120)).save(place / f"{index:03d}.png")
    return place


class Quick:
    """In the algorithm's place: it learns nothing, and says what it is told to."""

    def __init__(self) -> None:
        self.kept = True
        self.diverges = False

    def __call__(
        self, network: MODNet, frames: Sequence[RGB], others: Sequence[RGB], **options: Any
    ) -> Outcome:
        if self.diverges:
            raise TrainingDiverged("The training left the numbers (its loss is not finite).")
        options["progress"](Progress("Adapting", 0.5, 12.34))
        before = Signs(0.2, 1.0, 0.3, 0.01, 0.05)
        after = Signs(0.1, 0.9, 0.3, 0.01, 0.04)
        learned = copy.deepcopy(network)
        with torch.no_grad():
            next(learned.parameters()).add_(1)
        if not self.kept:
            reason = "It flickers more."
            return Outcome(False, reason, before, after, 7, 3.21, network, frames[-9:])
        return Outcome(True, "It is calmer.", before, after, 7, 3.21, learned, frames[-9:])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Quick:
    algorithm = Quick()
    monkeypatch.setattr(adapting, "adapt", algorithm)
    return algorithm


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """-> exit code, stdout, stderr."""
    code = main(["adapt", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_what_is_kept_is_in_the_list_with_its_history_and_every_command_takes_it(
    folder: Path, pictures: Path, quick: Quick, tmp_path: Path, capsys: Any
) -> None:
    out = folder / "me.safetensors"
    shown = tmp_path / "shown"
    code, said, _ = run(
        capsys, pictures, "-o", out, "--weights", "base", "--json", "--show-in", shown
    )
    assert code == 0
    assert said.count("\n") == 1
    told = json.loads(said)
    assert told == {
        "kept": True,
        "reason": "It is calmer.",
        "before": {"l_cons": 0.2, "flicker": 1.0},
        "after": {"l_cons": 0.1, "flicker": 0.9},
        "seconds": 3.2,
        "steps": 7,
        "weights": str(out),
    }
    # The pictures for the user: eight frames, before and after, composite and matte.
    assert len(list(shown.iterdir())) == 8 * 4
    with Image.open(shown / "00-after-composite.jpg") as picture:
        assert picture.size == (96, 64)

    # It comes with its 8-bit form, so that it is as fast as what it came from.
    form = eight_bit.find(store.sha256_of(out))
    assert form is not None
    assert form.path == folder / "me.int8"
    assert eight_bit.place(out, "me-again") == "me-again"
    assert (folder / "me-again.int8").read_bytes() == form.path.read_bytes()

    assert main(["weights", "list", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["weights"]
    (line,) = (line for line in lines if line["name"] == "me")
    assert "me-again" in [line["name"] for line in lines]
    assert line["licence"] == "MIT"
    history = line["history"]
    assert len(history.pop("date")) == 10
    assert history == {
        "kind": "soc",
        "parent": "base",
        "frames": 50,
        "steps": 7,
        "source": "me",
    }
    assert main(["weights", "list"]) == 0
    assert "50 frames, 7 steps" in capsys.readouterr().out

    picture = tmp_path / "one.png"
    Image.new("RGB", (96, 64), "gray").save(picture)
    arguments = ["convert", str(picture), "-o", str(tmp_path / "out.png"), "--json"]
    arguments += ["--weights", "me", "--engine", "torch", "--device", "cpu", "--size", "96x64"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == "me"


def test_the_history_survives_being_carried_to_another_computer(
    folder: Path, pictures: Path, quick: Quick, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "me.safetensors"
    code, said, _ = run(capsys, pictures, "-o", out, "--weights", "base")
    assert code == 0
    assert f"--weights {out}" in said  # not in the list, so by its path
    assert main(["weights", "import", str(out), "--name", "brought"]) == 0
    capsys.readouterr()
    assert main(["weights", "list", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["weights"]
    (line,) = (line for line in lines if line["name"] == "brought")
    assert (line["history"]["parent"], line["history"]["steps"]) == ("base", 7)


def test_a_dropped_result_is_no_error_and_writes_nothing(
    folder: Path, pictures: Path, quick: Quick, tmp_path: Path, capsys: Any
) -> None:
    quick.kept = False
    out, shown = folder / "me.safetensors", tmp_path / "shown"
    named = (pictures, "-o", out, "--weights", "base", "--show-in", shown)
    code, said, _ = run(capsys, *named, "--json")
    told = json.loads(said)
    assert (code, told["kept"], told["reason"]) == (0, False, "It flickers more.")
    assert told["weights"] is None
    code, said, _ = run(capsys, *named)
    assert (code, said) == (0, "Dropped: It flickers more. The model stays as it was.\n")
    assert not out.exists()
    assert not shown.exists()


def test_progress_comes_as_lines_for_another_program(
    folder: Path, pictures: Path, quick: Quick, capsys: Any
) -> None:
    out = folder / "me.safetensors"
    code, said, _ = run(
        capsys, pictures, "-o", out, "--weights", "base", "--json", "--progress-json"
    )
    lines = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert {"what": "Adapting", "share": 0.5, "seconds_left": 12.3} in lines
    assert lines[-1]["kept"] is True


def test_what_is_there_is_not_overwritten(
    folder: Path, pictures: Path, quick: Quick, capsys: Any
) -> None:
    out = folder / "me.safetensors"
    out.write_bytes(b"mine")
    code, _, err = run(capsys, pictures, "-o", out, "--weights", "base")
    assert code == 1
    assert "is there already" in err
    assert out.read_bytes() == b"mine"
    # Not by a result that is dropped, either.
    quick.kept = False
    assert run(capsys, pictures, "-o", out, "--weights", "base", "--force")[0] == 0
    assert out.read_bytes() == b"mine"
    quick.kept = True
    assert run(capsys, pictures, "-o", out, "--weights", "base", "--force")[0] == 0
    assert out.read_bytes() != b"mine"


def test_a_disk_that_fills_up_while_it_is_written_leaves_what_was_there(
    folder: Path, pictures: Path, quick: Quick, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = folder / "me.safetensors"
    out.write_bytes(b"mine")
    monkeypatch.setattr(os, "fsync", full)
    code, _, err = run(capsys, pictures, "-o", out, "--weights", "base", "--force")
    assert code == 1
    assert "The disk is full" in err
    assert out.read_bytes() == b"mine"
    assert sorted(path.name for path in folder.iterdir()) == ["base.safetensors", "me.safetensors"]


def test_numbers_that_are_none_end_in_a_sentence(
    folder: Path, pictures: Path, quick: Quick, capsys: Any
) -> None:
    quick.diverges = True
    out = folder / "me.safetensors"
    code, said, err = run(capsys, pictures, "-o", out, "--weights", "base", "--json")
    assert (code, said) == (1, "")
    assert "not finite" in err
    assert "Traceback" not in err
    assert not out.exists()


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("few", 1, "adapting needs"),
        ("empty", 1, "There is no clip and no picture"),
        ("missing.mp4", 1, "missing.mp4"),
        ("sizes", 1, "differ in size"),
    ],
)
def test_bad_data_ends_in_a_sentence(
    folder: Path, tmp_path: Path, capsys: Any, source: str, code: int, words: str
) -> None:
    """With the algorithm itself, which says what is too little."""
    (tmp_path / "empty").mkdir()
    for name, sizes in (("few", [(96, 64)] * 3), ("sizes", [(96, 64), (64, 96)] * 30)):
        (tmp_path / name).mkdir()
        for index, size in enumerate(sizes):
            Image.new("RGB", size, "gray").save(tmp_path / name / f"{index:03d}.png")
    out = folder / "me.safetensors"
    found, said, err = run(
        capsys, tmp_path / source, "-o", out, "--weights", "base", "--minutes", 0.1
    )
    assert (found, said) == (code, "")
    assert words in " ".join(err.split())
    assert "Traceback" not in err
    assert not out.exists()


def test_weights_that_are_not_there_are_named(folder: Path, pictures: Path, capsys: Any) -> None:
    code, _, err = run(capsys, pictures, "-o", folder / "me.safetensors", "--weights", "nothing")
    assert code == 1
    assert "no weights called 'nothing'" in err


@pytest.mark.parametrize("how", ["SIGTERM", "closed pipe"])
def test_being_told_to_end_leaves_nothing_half_written(
    weights_file: Path, tmp_path: Path, how: str
) -> None:
    """As the window does it, and as it is where the window has died."""
    out = tmp_path / "me.safetensors"
    command = [sys.executable, "main.py", "adapt", "demo", "-o", str(out), "--minutes", "30"]
    child = subprocess.Popen(
        [*command, "--weights", str(weights_file), "--json", "--progress-json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        if how == "SIGTERM":
            assert "share" in json.loads(child.stdout.readline())
            child.send_signal(signal.SIGTERM)
        else:
            child.stdout.close()  # its first line finds nobody
        code = child.wait(timeout=300)
        said = child.stderr.read()
    finally:
        child.kill()
        child.stdout.close()
        child.stderr.close()
        child.wait()
    assert code == (130 if how == "SIGTERM" else 1)
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_the_real_thing_at_a_small_size_gives_a_verdict_and_touches_nothing_else(
    weights_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Released weights, the demo clip, seconds: whether it is kept is the guard's business."""
    frames = [np.ascontiguousarray(rgb[::4, ::4]) for rgb in adapt_job.read("demo")[:40]]
    clip = tmp_path / "me"
    clip.mkdir()
    for index, rgb in enumerate(frames):
        Image.fromarray(rgb).save(clip / f"{index:03d}.png")
    monkeypatch.setattr(adapt_job, "anchors", lambda: ())
    # Not by the clock: a few steps, and two looks at what came of them.
    monkeypatch.setattr(adapting, "MOST_STEPS", 18)
    monkeypatch.setattr(adapting, "_LOOKS", 2)
    before = weights_file.read_bytes()
    out = tmp_path / "me.safetensors"
    named = (clip, "-o", out, "--weights", weights_file, "--minutes", 60)
    code, said, _ = run(capsys, *named, "--json")
    told = json.loads(said)
    assert code == 0
    assert {"kept", "reason", "before", "after", "seconds"} <= told.keys()
    for signs in (told["before"], told["after"]):
        assert np.isfinite(list(signs.values())).all()
    assert told["before"] != told["after"]
    assert told["reason"].endswith(".")
    assert out.exists() == told["kept"]
    if told["kept"]:
        assert told["after"]["l_cons"] < told["before"]["l_cons"]
        learned = weights.load(out).network.state_dict()
        released = weights.load(weights_file).network.state_dict()
        assert any(not torch.equal(learned[key], released[key]) for key in released)
    assert weights_file.read_bytes() == before
