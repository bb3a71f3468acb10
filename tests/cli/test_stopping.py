"""Ctrl-C, SIGTERM and a closed terminal, at moments that are told by what the process prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from tests.bare_environment import ROOT, user_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

_PATIENCE = 300


def _start(words: list[str], home: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    """In a session of its own, as a terminal's foreground job, in a user's environment."""
    return subprocess.Popen(
        [sys.executable, *options, "main.py", *words],
        cwd=ROOT,
        env={**user_environment(home), "PYTHONUNBUFFERED": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Who runs the tests in the background has SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def _send(process: subprocess.Popen[str], number: int) -> None:
    """As it comes: from a terminal to all its processes, SIGTERM to the one that was named."""
    if number == signal.SIGTERM:
        process.send_signal(number)
    else:
        os.killpg(process.pid, number)


def _read_until(process: subprocess.Popen[str], wanted: Callable[[str], bool]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if wanted(line):
            return
    pytest.fail(f"it ended before, with {process.wait()}")


def _imports(name: str) -> Callable[[str], bool]:
    """A line of `python -X importtime`, which children print, too."""
    return lambda line: line.startswith("import time:") and line.split("|")[-1].strip() == name


def _said(err: str) -> list[str]:
    return [line for line in err.splitlines() if not line.startswith("import time:")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "module", ["app.system.standard_streams", "typer.main", "app.cli.convert", "numpy"]
)
def test_in_the_first_moments_it_says_stopped_and_nothing_else(
    tmp_path: Path, module: str, number: int
) -> None:
    words = ["convert", "demo", "-o", str(tmp_path / "out.mp4"), "--engine", "null"]
    with _start(words, tmp_path / "home", "-X", "importtime") as process:
        _read_until(process, _imports(module))
        _send(process, number)
        out, err = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, out, _said(err)) == (130, "", ["Stopped."])
    assert not list(tmp_path.glob("*.mp4"))


def test_in_the_import_of_torch_it_says_stopped_and_nothing_else(tmp_path: Path) -> None:
    words = ["export", "-o", str(tmp_path / "out.onnx")]
    with _start(words, tmp_path / "home", "-X", "importtime") as process:
        _read_until(process, lambda line: "torch." in line)
        _send(process, signal.SIGINT)
        out, err = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, out, _said(err)) == (130, "", ["Stopped."])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_while_a_child_converts_the_model_it_says_stopped_and_leaves_nothing(
    weights_file: Path, tmp_path: Path, number: int
) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out.mp4"
    words = ["convert", "demo", "-o", str(out), "--engine", "openvino"]
    words += ["--weights", str(weights_file)]
    child = _start(words, tmp_path / "home", "-X", "importtime", MATTECAM_CACHE=str(cache))
    with child as process:
        _read_until(process, lambda line: "torch." in line)  # the parent never imports it
        _send(process, number)
        out_said, err = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, out_said, _said(err)) == (130, "", ["Stopped."])
    assert not out.exists()
    assert not list(cache.rglob(".converting-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_conversion_that_is_told_to_stop_leaves_a_clip_that_plays(
    tmp_path: Path, number: int
) -> None:
    source, out = tmp_path / "in", tmp_path / "out.mp4"
    source.mkdir()
    first = source / "00000.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (180, 320, 3), np.uint8)
    Image.fromarray(noise).save(first)
    for index in range(1, 4000):
        os.link(first, source / f"{index:05d}.jpg")
    words = ["convert", str(source), "-o", str(out), "--engine", "null", "--progress-json"]
    with _start(words, tmp_path / "home") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["frames"] > 30:
                break
        _send(process, number)
        _, err = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "Stopped."
    assert "Traceback" not in err
    import av

    with av.open(str(out)) as clip:
        assert 30 < sum(1 for _ in clip.decode(video=0)) < 4000
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.mp4"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_benchmark_that_is_told_to_stop_ends_its_contenders_without_a_word(
    weights_file: Path, tmp_path: Path, number: int
) -> None:
    words = ["bench", "--rounds", "1000", "--beside", "naive"]
    with _start(words, tmp_path / "home", "-X", "importtime") as process:
        _read_until(process, lambda line: "torch." in line)  # a contender does
        _send(process, number)
        out, err = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, out, _said(err)) == (130, "", ["Stopped."])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_window_closes(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    log = tmp_path / "config"
    with _start(["gui"], home, MATTECAM_CONFIG=str(log), MATTECAM_CACHE=str(log)) as process:
        patience = Event()
        for _ in range(4 * _PATIENCE):
            if any("the window is open" in path.read_text() for path in log.rglob("*.log")):
                break
            patience.wait(0.25)  # another process's file: there is nothing to be woken by
        _send(process, number)
        _, err = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0, err
    assert "Traceback" not in err
