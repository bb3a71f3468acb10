"""Every command line in README.md and docs/ does what it says, where only `make run` was run.

Each line is run in a user's environment and a fresh home, or stands in UNTRIED with the reason.
What is long or needs a device runs with something smaller in its place: see `Case`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest

from tests.document_lines import command_lines, documents
from tests.documented_place import Done, Place

pytestmark = pytest.mark.usefixtures("weights_file")

# In the place of what needs a device, a desktop or minutes.
_HERE = {
    "camera": "demo",
    "camera:0": "demo",
    "screen": "demo",
    "virtual-camera": "null",
    "pipewire": "null",
}
_QUICK_LIVE = "--engine null --output null --seconds 120"
_QUICK_BENCH = "--rounds 1 --seconds 0.05 --frames 4 --size 96x64"
Check = Callable[[Path, Done], None]


@dataclass(frozen=True)
class Case:
    """How a line is run.

    Attributes:
        extra: options that are added, to make it small.
        instead: words that stand in the place of the line's own.
        frames: of each file that must be there afterwards, how many; 0 for a file without frames.
        long: it runs in the soak only.
    """

    extra: str = ""
    instead: dict[str, str] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    says: str = ""
    long: bool = False

    def words(self, line: str) -> list[str]:
        program, *words = shlex.split(line.replace("\\", "/"))
        assert program.endswith("python") or program in ("python3", "py"), line
        here = {**_HERE, **self.instead}
        found = [part for word in words for part in shlex.split(here.get(word, word))]
        return [*found, *shlex.split(self.extra)]


def _convert(**frames: int) -> Case:
    return Case("--engine null --force", frames={k.replace("_", "."): v for k, v in frames.items()})


_LIVE = Case(_QUICK_LIVE, says="fps")
_DEMO = Case(instead={"demo": "talk.mp4"}, frames={"demo-result.mp4": 12})

TRIED: dict[str, Case] = {
    # README.md
    r".venv\Scripts\python main.py convert demo -o demo-result.mp4": _DEMO,
    ".venv/bin/python main.py convert demo -o demo-result.mp4": Case(
        "--force", {"demo": "talk.mp4"}, {"demo-result.mp4": 12}
    ),
    "python main.py live --source camera --output virtual-camera --background blur": _LIVE,
    "python main.py live --source demo --output pipewire": _LIVE,
    "python main.py live --source camera --on-demand": _LIVE,
    "python main.py live --source screen --output pipewire": _LIVE,
    "python main.py devices": Case(),
    "python main.py doctor": Case(says="Which call program sees which virtual camera"),
    "python main.py live --source camera --record talk.mp4": Case(
        f"{_QUICK_LIVE} --microphone off", {"talk.mp4": "taken.mp4"}, {"taken.mp4": -1}
    ),
    "python main.py live --source camera --record talk.webm --record-what foreground "
    "--microphone off": Case(
        _QUICK_LIVE, {"talk.webm": "taken.webm"}, {"taken.webm": -1}, long=True
    ),
    "python main.py convert talk.mp4 -o out.mp4": _convert(out_mp4=12),
    "python main.py convert talk.mp4 -o out.mp4 --background blur:25": _convert(out_mp4=12),
    "python main.py convert talk.mp4 -o out.mp4 --background beach.jpg": _convert(out_mp4=12),
    "python main.py convert talk.mp4 -o out.mp4 --background waves.mp4": _convert(out_mp4=12),
    "python main.py convert talk.mp4 -o out.mp4 --background color:#00b140": _convert(out_mp4=12),
    "python main.py convert talk.mp4 -o out.webm --background transparent": _convert(out_webm=12),
    "python main.py convert talk.mp4 -o mattes/ --show matte": Case(
        "--engine null", frames={f"mattes/{index:05d}.png": 1 for index in (0, 11)}
    ),
    "python main.py convert me.jpg -o me.png --background transparent": _convert(me_png=1),
    "python main.py convert frames/ -o out.mp4 --fps 24": _convert(out_mp4=20),
    "python main.py adapt me.mp4 -o weights/me.safetensors": Case(
        "--minutes 0.1", {"weights/me.safetensors": "weights/me-1.safetensors"}, long=True
    ),
    "python main.py live --weights me": Case(f"--source demo {_QUICK_LIVE}", says="fps"),
    "python main.py weights list": Case(says="mattecam-webcam (default)"),
    "python main.py weights fetch NAME": Case(
        instead={"NAME": "modnet-photographic"}, says="is here and whole"
    ),
    "python main.py weights import FILE": Case(
        instead={"FILE": "FILE.safetensors --name imported"}, says="--weights imported"
    ),
    "python main.py bench --write docs/performance.md": Case(
        _QUICK_BENCH, frames={"docs/performance.md": 0, "docs/performance.svg": 0}, long=True
    ),
    "python main.py bench-recording": Case(
        "talk.mp4 --engine null --pairs 1 --seconds 1 --frame-size 320x180",
        says="On ",
    ),
    "python main.py evaluate images DIR": Case("--engine null", says="mean"),
    "python main.py bench": Case(
        _QUICK_BENCH, says="onnxruntime: not measured: ONNX Runtime is not installed"
    ),
    "python main.py COMMAND --help": Case(instead={"COMMAND": "convert"}, says="Usage"),
    "python main.py train CONFIG.toml": Case(
        frames={"output/finetune/best.safetensors": 0}, long=True
    ),
    # docs/adapt.md
    "python main.py adapt camera:0 -o weights/me.safetensors": Case(
        "--minutes 0.1",
        # A recording takes half a minute, of a camera.
        {"camera:0": "frames/", "weights/me.safetensors": "weights/me-2.safetensors"},
        long=True,
    ),
    "python main.py adapt me.mp4 -o weights/me.safetensors --minutes 10": Case(
        instead={"10": "0.1", "weights/me.safetensors": "weights/me-3.safetensors"},
        says="learned",
    ),
    "python main.py adapt frames/ -o weights/me.safetensors --json": Case(
        "--minutes 0.1", {"weights/me.safetensors": "weights/me-4.safetensors"}, long=True
    ),
    "python scripts/measure_adapt.py CLIPS --minutes 40": Case("--help", says="--minutes"),
    # docs/decisions.md, docs/live.md
    "python main.py evaluate video CLIPS --norms scene": Case(
        "--max-frames 3", says="mean", long=True
    ),
    "python main.py live --source camera:0 --output virtual-camera --background blur": _LIVE,
    "python main.py live --source demo --output null --seconds 10 --json": Case(
        "--engine null", {"10": "120"}, says='"fps_out"'
    ),
    "python main.py bench --frame-size 1280x720 --mode live --rate 60 --quality 60fps --beside none"
    " --rounds 1 --seconds 60": Case(instead={"60": "1"}, says="Live, ", long=True),
    "python main.py evaluate video CLIPS --size 448x256 --norms scene --baseline": Case(
        "--max-frames 3", says="ratio to plain", long=True
    ),
    # docs/quality.md
    "python main.py evaluate compose": Case(
        "made --foregrounds people --backgrounds rooms --frames 3 --each 1 --size 96x64",
        says="clips in video/",
    ),
    # docs/recording.md
    "python main.py live --source camera:0 --record talk.mp4": Case(
        f"{_QUICK_LIVE} --microphone off", {"talk.mp4": "taken-2.mp4"}, {"taken-2.mp4": -1}
    ),
    "python main.py live --source camera:0 --record talk.mp4 --record-what composite --record-what "
    "matte --record-what foreground": Case(
        f"{_QUICK_LIVE} --microphone off",
        {"talk.mp4": "taken-3.mp4"},
        {"taken-3.mp4": -1, "taken-3-matte.mp4": -1, "taken-3-foreground.webm": -1},
        long=True,
    ),
    "python main.py live --source demo --output null --record clip.webm --record-what foreground "
    "--microphone off --seconds 10 --json": Case(
        "--engine null", {"10": "120"}, {"clip.webm": -1}, says='"recording"'
    ),
    "python main.py bench-recording --record-what composite --record-what matte --record-format "
    ".webm": Case(
        "talk.mp4 --engine null --pairs 1 --seconds 1 --frame-size 320x180", says="On ", long=True
    ),
    # docs/training.md
    "python main.py train finetune.toml": Case(
        instead={"finetune.toml": "CONFIG.toml"},
        frames={"output/finetune/best.safetensors": 0},
        long=True,
    ),
    "python scripts/make_cutouts.py CLIP... -o my/cutouts": Case(
        instead={"CLIP...": "talk.mp4"}, frames={"my/cutouts": 0}, long=True
    ),
    "python main.py evaluate compose my/held-out --foregrounds FOLDER --backgrounds FOLDER": Case(
        "--frames 3 --each 1 --size 96x64 --foregrounds people --backgrounds rooms",
        says="clips in video/",
    ),
    "python main.py weights import output/finetune/best.safetensors --name mine": Case(
        instead={"output/finetune/best.safetensors": "FILE.safetensors"}, says="--weights mine"
    ),
    "python main.py weights heads NAME --cutouts ... --rooms ...": Case(
        "--cutouts people --rooms rooms --steps 1",
        {"NAME": "modnet-photographic", "--cutouts": "", "--rooms": "", "...": ""},
        says="fitted to",
        long=True,
    ),
    "python main.py export NAME|FILE --format onnx|openvino|torchscript -o FILE": Case(
        instead={
            "NAME|FILE": "modnet-photographic",
            "onnx|openvino|torchscript": "openvino",
            "FILE": "modnet.xml",
        },
        frames={"modnet.xml": 0, "modnet.bin": 0},
        says="gives torch's alpha",
        long=True,
    ),
    # weights/README.md
    "python main.py weights fetch": Case(says="is here and whole"),
    "python main.py weights verify": Case(says="present"),
    "python main.py weights heads NAME": Case(
        "--cutouts people --rooms rooms --steps 1",
        {"NAME": "modnet-photographic"},
        says="fitted to",
        long=True,
    ),
    "python main.py weights quantise FOLDER": Case(says="in 8 bits", long=True),
}

_INSTALLS = "it installs packages, which tests/scripts/ does with a fake pip"
_DEVELOPERS = "it is for developers, and runs this very suite or its tools"
_SYSTEM = "it changes the system, as root"
_DATA = "it needs the development data, and hours"
UNTRIED: dict[str, str] = {
    "make run": _INSTALLS,
    "make run PYTHON=python3.12": _INSTALLS,
    "make setup": _INSTALLS,
    "make setup TORCH=cpu": _INSTALLS,
    "make setup TORCH=cuda": _INSTALLS,
    "make setup TORCH=default": _INSTALLS,
    "make demo": _INSTALLS,
    "py -3.12 scripts/setup.py": _INSTALLS,
    "python3 scripts/setup.py": _INSTALLS,
    "python3 scripts/setup.py --dev": _INSTALLS,
    "pip download -r requirements.txt -d wheels": _INSTALLS,
    "pip install -r": _INSTALLS,
    "pip install --require-hashes --no-deps": _INSTALLS,
    "make audit": "it needs the network",
    "make soak-devices": _SYSTEM,
    'make soak-devices ARGS="--loopback ../v4l2loopback"': _SYSTEM,
    'make soak-devices ARGS="tests/devices/test_cameras.py -k unplugged"': _SYSTEM,
    "make clean": "it removes the environment that the tests run in",
    "make test": _DEVELOPERS,
    "make check": _DEVELOPERS,
    "make soak": _DEVELOPERS,
    "make fuzz": _DEVELOPERS,
    "make soak ARGS=\"-k 'kills or clip or together'\"": _DEVELOPERS,
    "sudo apt-get install python3-venv": _SYSTEM,
    "sudo apt-get install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-pipewire": (
        _SYSTEM
    ),
    "sudo apt-get install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 "
    "card_label=Mattecam": _SYSTEM,
    "sudo mokutil --import /var/lib/dkms/mok.pub": _SYSTEM,
    "python main.py": "it opens the window, which tests/cli/test_stopping.py does",
    "python main.py adapt": "it names the command only",
    "python main.py bench --grid --write docs/performance.md": "an hour of `bench --write`",
    "python scripts/measure_options.py DATA --only plate --frames 1": _DATA,
    "python scripts/measure_options.py DATA --only size --frames 6": _DATA,
    "python main.py evaluate tables DATA --frames 6 -o docs/quality.md": _DATA,
    "python scripts/make_demo_clip.py": "it needs scikit-image, a developers' package",
    "torchrun --nproc-per-node 2 main.py train CONFIG.toml": (
        "tests/training/ trains in two processes"
    ),
    "tensorboard --logdir output/finetune/tensorboard": "it serves until it is stopped",
    "python main.py weights fetch --all": "it needs the network",
    # A shell joins these; tests/sources/test_pipes.py runs the like.
    "python main.py convert - -o - --format mkv < talk.mp4 > out.mkv": "pipes of a shell",
    "ffmpeg -v error -i talk.mp4 -f matroska - | python main.py convert - -o out.mp4": "FFmpeg",
    "python main.py convert talk.mp4 -o - --format ts | ffplay -": "a player, and a display",
    "Source ──Frame──► Matting(engine) ──Matte──► temporal ──Matte──► Refine ──Cutout──► "
    "Compositing ──Composite──► view ──► Output": "a diagram",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, bare_python: Path) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("documents"), bare_python)
    yield made
    made.close()


def test_every_line_is_tried_or_has_a_reason() -> None:
    lines = {
        line for path in documents() for line in command_lines(path.read_text(encoding="utf-8"))
    }
    assert lines - TRIED.keys() - UNTRIED.keys() == set(), "neither tried nor listed"
    assert (TRIED.keys() | UNTRIED.keys()) - lines == set(), "in no document any more"


def _long(case: Case) -> list[pytest.MarkDecorator]:
    return [pytest.mark.soak] if case.long else []


@pytest.mark.parametrize(
    "line", [pytest.param(line, marks=_long(case), id=line) for line, case in TRIED.items()]
)
def test_a_line_does_what_it_says(place: Place, line: str) -> None:
    case = TRIED[line]
    done = place.run(case.words(line))
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert case.says in done.out
    if "--json" in line:
        json.loads(done.out)
    for name, count in case.frames.items():
        made = place.folder / name
        assert made.exists(), done.out
        if count:
            found = _frames(made)
            assert found == count if count > 0 else found > 0


@pytest.mark.soak
def test_bench_names_a_contender_that_cannot_run_and_measures_the_rest(place: Place) -> None:
    done = place.run(["main.py", "bench", "talk.mp4", "--json", *_QUICK_BENCH.split()])
    assert done.code == 0, done.err
    runs = {run["name"]: run for run in json.loads(done.out)["runs"]}
    assert "python -m pip install onnxruntime" in runs["onnxruntime"]["failure"]
    assert runs["naive"]["fps"] > 0
    assert runs["mattecam"]["fps"] > 0


def test_export_works_by_default(place: Place) -> None:
    done = place.run(["main.py", "export", "modnet-photographic", "--json"])
    assert done.code == 0, done.err
    assert json.loads(done.out)["runtime"] == "openvino"
    assert (place.folder / "modnet-photographic.onnx").is_file()


_HELP = [
    "main.py",
    *(
        f"main.py {name}"
        for name in (
            "adapt",
            "bench",
            "bench-recording",
            "convert",
            "devices",
            "doctor",
            "evaluate",
            "evaluate compose",
            "evaluate images",
            "evaluate tables",
            "evaluate video",
            "export",
            "gui",
            "live",
            "train",
            "weights",
            "weights calibrate",
            "weights fetch",
            "weights heads",
            "weights import",
            "weights list",
            "weights quantise",
            "weights verify",
        )
    ),
    *(
        f"scripts/{name}.py"
        for name in (
            "audit",
            "distil_easpp",
            "hash_requirements",
            "make_cutouts",
            "make_demo_clip",
            "make_sample_backgrounds",
            "measure_adapt",
            "measure_options",
            "setup",
        )
    ),
]


def test_every_command_and_script_has_help(place: Place) -> None:
    scripts = {f"scripts/{path.name}" for path in (place.folder / "scripts").glob("*.py")}
    assert {name for name in _HELP if name.startswith("scripts")} == scripts
    assets = sorted((place.folder / "assets" / "backgrounds").iterdir())
    for name in _HELP:
        done = place.run([*name.split(), "--help"])
        assert done.code == 0, (name, done.err)
        assert "usage" in done.out.lower(), name
    assert sorted((place.folder / "assets" / "backgrounds").iterdir()) == assets
    assert not (place.folder / "--help").exists()


def test_a_script_that_needs_a_developers_package_says_so(place: Place) -> None:
    done = place.run(["scripts/make_demo_clip.py", "-o", "clip.mp4"])
    assert done.code == 1
    assert not (place.folder / "clip.mp4").exists()


def _frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
