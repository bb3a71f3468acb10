"""Nothing leaves the computer: every command and the window, from an installed copy, watched.

What counts as allowed is the table in app/stored.py, which docs/privacy.md explains.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app import stored
from app.cli import _register_commands, cli
from tests.privacy.guard import Installation, Seen, User, is_cut_off, traces
from tests.training.runs import written

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and paths of POSIX")

# What is run: the words; {clip}, {picture}, ... are in the user's folder. Each ends with code 0.
COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "devices": ("devices",),
    "doctor": ("doctor",),
    "convert": (*("convert", "clip.mp4", "-o", "out.mp4", "--size", "64x64", "--norms", "exact"),),
    "live": (
        *("live", "--source", "clip.mp4", "--output", "null", "--seconds", "1"),
        *("--engine", "null", "--record", "recorded.mp4", "--background", "color"),
    ),
    "export": ("export", "mattecam-webcam", "--format", "openvino", "--out", "out.xml"),
    "train": ("train", "run.toml"),
    "evaluate": ("evaluate", "images", "pairs", "--engine", "null"),
    "bench": (
        *("bench", "clip.mp4", "--rounds", "1", "--seconds", "0.05", "--frames", "2"),
        *("--size", "64x64", "--beside", "none"),
    ),
    "bench-recording": (
        *("bench-recording", "clip.mp4", "--pairs", "1", "--seconds", "1", "--size", "64x64"),
        *("--engine", "null", "--frame-size", "64x64"),
    ),
    "weights list": ("weights", "list"),
    "weights verify": ("weights", "verify", "mattecam-webcam"),
    "weights import": ("weights", "import", "own.safetensors", "--name", "own"),
}
# These go on until they are told to end: so many seconds after they opened a file for writing with
# this in its path. The window saves its settings when its parts are loaded; `adapt` tries, first
# of all, whether it can write where its result is to be.
UNTIL_TOLD: dict[str, tuple[tuple[str, float], tuple[str, ...]]] = {
    "gui": ((".window.json", 5.0), ("gui",)),
    "adapt": (
        (".", 8.0),
        ("adapt", "clip.mp4", "--out", "me.safetensors", "--minutes", "0.1"),
    ),
}
LONGER: dict[str, tuple[str, ...]] = {
    "adapt": ("adapt", "clip.mp4", "--out", "me.safetensors", "--minutes", "0.1"),
    "bench --startup": ("bench", "clip.mp4", "--rounds", "1", "--seconds", "0.1", "--startup"),
    "convert with torch": (
        *("convert", "clip.mp4", "-o", "torch.webm", "--engine", "torch", "--size", "64x64"),
        *("--background", "transparent"),
    ),
    "export torchscript": ("export", "mattecam-webcam", "--format", "torchscript"),
    "weights calibrate": ("weights", "calibrate", "clip.mp4", "--weights", "mattecam-webcam"),
    "weights quantise": ("weights", "quantise", "clip.mp4", "--weights", "mattecam-webcam"),
    "live with OpenVINO": (
        *("live", "--source", "demo", "--output", "null", "--seconds", "15", "--size", "128x64"),
    ),
    "doctor --deep": ("doctor", "--deep"),
}
# `weights fetch` is the one that connects.
CONNECTS = "weights fetch"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """With a clip, a picture, pictures with alpha, weights and a recipe to train by."""
    user = User(tmp_path_factory.mktemp("user"))
    picture = np.full((64, 64, 3), 40, np.uint8)
    picture[16:, 16:48] = (200, 150, 120)
    with av.open(str(user.work / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for index in range(18):
            moved = np.roll(picture, index, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved)))
        container.mux(stream.encode())
    for name, array in (("image", picture), ("alpha", picture[..., 0])):
        (user.work / "pairs" / name).mkdir(parents=True)
        Image.fromarray(np.ascontiguousarray(array)).save(user.work / "pairs" / name / "1.png")
    (user.work / "own.safetensors").write_bytes(
        (ROOT / "weights/mattecam-easpp.safetensors").read_bytes()
    )
    written(
        user.work / "run.toml",
        '[supervised]\npairs = ["pairs"]\nrooms = ["pairs/image"]\n',
        weights="own.safetensors",
        steps=1,
        checkpoint_every=1,
    )
    return user


def check(installation: Installation, user: User, seen: Seen) -> None:
    said = seen.out + seen.err
    assert seen.network == [], said
    assert installation.unknown(user, seen) == []
    assert installation.unknown_programs(seen) == []
    assert not seen.forked, "a process with threads was forked"
    assert not re.search(r"telemetry|https?://(?!\S*github)|urllib|resolve", seen.err, re.I), said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_connects_to_nobody_and_writes_where_it_says(
    installation: Installation, user: User, name: str
) -> None:
    seen = installation.run(user, *COMMANDS[name])
    assert seen.code == 0, seen.out + seen.err
    check(installation, user, seen)


@pytest.mark.parametrize("name", UNTIL_TOLD)
def test_what_is_told_to_end_connects_to_nobody_either(
    installation: Installation, user: User, name: str
) -> None:
    ends, words = UNTIL_TOLD[name]
    seen = installation.run(user, *words, ends=ends)
    assert seen.code in (0, 130, -15, 143), seen.out + seen.err
    check(installation, user, seen)


@pytest.mark.soak
@pytest.mark.parametrize("name", LONGER)
def test_what_takes_longer_connects_to_nobody_either(
    installation: Installation, user: User, name: str
) -> None:
    seen = installation.run(user, *LONGER[name])
    assert seen.code == 0, seen.out + seen.err
    check(installation, user, seen)


def test_only_fetch_connects_and_without_a_network_it_says_so(
    installation: Installation, user: User
) -> None:
    if not is_cut_off():
        pytest.skip("there is no network namespace here, and nothing is to be downloaded")
    seen = installation.run(user, *CONNECTS.split(), "modnet-webcam")
    assert seen.code == 1
    assert seen.network, "the guard missed it"
    assert "huggingface.co" in " ".join(seen.network)
    assert installation.unknown(user, seen) == []
    assert "Traceback" not in seen.err


def test_the_guard_sees_what_openvino_does_by_itself(
    installation: Installation, user: User
) -> None:
    """The same import without our switch: it connects, and leaves a lasting number in the home."""
    seen = installation.run_python(user, "-c", "import openvino.tools.ovc")
    assert seen.network or seen.forked
    assert installation.unknown(user, seen)


def test_the_guard_sees_native_code(installation: Installation, user: User) -> None:
    if not traces():
        pytest.skip("there is no strace that works here")
    code = (
        "import ctypes, socket, struct; libc = ctypes.CDLL(None); s = libc.socket(2, 1, 0); "
        "libc.connect(s, struct.pack('=HH4s8x', 2, 0x5000, bytes((192, 0, 2, 1))), 16); "
        "libc.creat(b'/dev/shm/mattecam-guard-was-here', 0o600)"
    )
    seen = installation.run_python(user, "-c", code)
    Path("/dev/shm/mattecam-guard-was-here").unlink()
    assert any("192.0.2.1" in line for line in seen.network)
    assert installation.unknown(user, seen) == ["/dev/shm/mattecam-guard-was-here"]


def test_every_command_is_watched() -> None:
    _register_commands()
    known = {command.name or command.callback.__name__ for command in cli.registered_commands}
    known |= {group.name for group in cli.registered_groups}
    watched = {words.partition(" ")[0] for words in (*COMMANDS, *UNTIL_TOLD)}
    assert {name.replace("_", "-") for name in known} <= watched


def test_the_page_on_privacy_names_every_place_and_every_program() -> None:
    page = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")}
    assert {place.name for place in stored.PLACES} <= rows
    assert [name for name in stored.STARTED if f"`{name}`" not in page] == []
    assert f"`{CONNECTS}`" in page


def test_openvino_is_imported_in_one_place() -> None:
    for path in (ROOT / "app").rglob("*.py"):
        if path.name != "openvino_import.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(import|from) openvino\b", text, re.M), path
