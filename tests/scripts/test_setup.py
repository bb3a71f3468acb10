"""Set-up: what it does, what it leaves alone, and what it says where it cannot go on.

The environment here is a stand-in: a shell script that writes down how it was called.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts.loading import script_named

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a POSIX shell script")

PYTHON = """#!/bin/sh
case "$1" in
    -c) echo "3 11" ; exit ;;
    -m)
        echo "$@" >> "$LOG"
        if [ -e "$BROKEN" ]; then echo "no route to host" ; exit 1 ; fi ;;
    main.py)
        echo "$@" >> "$LOG"
        if [ "$3" = list ]; then
            echo '{"weights": [{"name": "other", "default": true, "path": "/nowhere"},'
            echo '{"name": "modnet-photographic", "default": false, "path": "'"$WEIGHTS"'"}]}'
        elif [ -e "$BROKEN" ]; then
            exit 1
        else
            echo weights > "$WEIGHTS"
        fi ;;
esac
"""


class Place:
    """A clone of the project with an environment that only writes down what is asked of it."""

    def __init__(self, folder: Path, setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.venv, self.setup = folder, folder / ".venv", setup
        self.log, self.broken = folder / "log", folder / "broken"
        self.weights = folder / "modnet.onnx"
        (self.venv / "bin").mkdir(parents=True)
        python = self.venv / "bin" / "python"
        python.write_text(PYTHON)
        python.chmod(0o755)
        (folder / "requirements.txt").write_text("torch==2.13.0\n")
        (folder / "requirements-dev.txt").write_text("pytest==1\n")
        for name in ("requirements-hashes.txt", "requirements-dev-hashes.txt"):
            (folder / name).write_text("# none\n")
        monkeypatch.setattr(setup, "ROOT", folder)
        for name, path in (("LOG", self.log), ("BROKEN", self.broken), ("WEIGHTS", self.weights)):
            monkeypatch.setenv(name, str(path))

    def set_up(self, *, dev: bool = False, torch: str | None = None) -> list[str]:
        """Runs set-up; gives the lines of what the environment was asked to do."""
        self.log.unlink(missing_ok=True)
        self.setup.set_up(self.venv, dev=dev, torch=torch, weights=True)
        return self.asked()

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = script_named("setup")
    monkeypatch.setattr(module, "missing_packages", dict)
    monkeypatch.delenv("MATTECAM_WEIGHTS", raising=False)
    return module


@pytest.fixture
def place(tmp_path: Path, setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, setup, monkeypatch)


@pytest.fixture
def as_user(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Nobody may install system packages; gives what was run all the same."""
    ran: list[list[str]] = []
    monkeypatch.setattr(setup, "privileges", lambda: None)
    monkeypatch.setattr(setup, "run", lambda command, **kw: ran.append(command))
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")
    return ran


def test_a_first_run_installs_the_requirements_and_fetches_the_weights(place: Place):
    asked = place.set_up()
    assert [line for line in asked if "install" in line and "requirements.txt" in line]
    assert "main.py weights fetch" in asked
    assert not any("requirements-dev.txt" in line or "uv" in line.split() for line in asked)


def test_every_package_but_torch_is_installed_by_its_hash_before_anything_else(place: Place):
    asked = [line for line in place.set_up(dev=True, torch="cpu") if "install" in line]
    assert "--require-hashes --no-deps" in asked[0]
    assert asked[0].endswith("-r requirements-hashes.txt -r requirements-dev-hashes.txt")
    assert not any("--require-hashes" in line for line in asked[1:])


def test_changed_hashes_are_installed(place: Place):
    place.set_up()
    (place.root / "requirements-hashes.txt").write_text("# others\n")
    assert any("--require-hashes" in line for line in place.set_up())


def test_without_hashes_what_the_index_has_is_taken(place: Place):
    place.setup.set_up(place.venv, dev=False, torch=None, weights=True, hashes=False)
    assert not any("hashes" in line for line in place.asked())
    assert any("-r requirements.txt" in line for line in place.asked())


def test_a_second_run_has_nothing_to_do(place: Place):
    place.set_up()
    assert place.set_up() == []


def test_what_developing_needs_serves_running_too(place: Place):
    assert any("requirements-dev.txt" in line for line in place.set_up(dev=True))
    assert place.set_up() == []


def test_developing_after_running_installs_what_is_missing(place: Place):
    place.set_up()
    assert any("requirements-dev.txt" in line for line in place.set_up(dev=True))


def test_changed_requirements_are_installed(place: Place):
    place.set_up()
    (place.root / "requirements.txt").write_text("torch==2.13.0\nnumpy==9\n")
    assert any("requirements.txt" in line for line in place.set_up())


def test_weights_that_were_touched_are_verified_again(place: Place):
    place.set_up()
    place.weights.write_text("something else")
    assert place.set_up() == ["main.py weights fetch", "main.py weights list --json"]


def test_another_folder_for_weights_is_looked_at(place: Place, monkeypatch: pytest.MonkeyPatch):
    place.set_up()
    monkeypatch.setenv("MATTECAM_WEIGHTS", "elsewhere")
    assert "main.py weights fetch" in place.set_up()


def test_an_installation_that_failed_says_so_and_is_tried_again(
    place: Place, setup: ModuleType, capfd: pytest.CaptureFixture[str]
):
    place.broken.touch()
    told = r"could not install requirements-hashes\.txt.*--no-hashes"
    with pytest.raises(setup.SetupError, match=told):
        place.set_up()
    assert "no route to host" in capfd.readouterr().out
    place.broken.unlink()
    assert any("requirements.txt" in line for line in place.set_up())


def test_weights_that_cannot_be_fetched_end_in_a_sentence_and_are_tried_again(
    place: Place, setup: ModuleType
):
    place.set_up()
    place.weights.unlink()
    place.broken.touch()
    with pytest.raises(setup.SetupError, match="could not be fetched"):
        place.set_up()
    place.broken.unlink()
    assert "main.py weights fetch" in place.set_up()


def test_the_build_of_torch_that_was_asked_for_is_installed_once_and_kept(place: Place):
    asked = place.set_up(torch="cpu")
    (line,) = [line for line in asked if "--torch-backend" in line]
    assert "torch==2.13.0" in line
    assert line.endswith("--torch-backend cpu")
    assert asked.index(line) < next(i for i, a in enumerate(asked) if "requirements.txt" in a)
    assert place.set_up() == []
    assert place.set_up(torch="cpu") == []


def test_another_build_of_torch_takes_the_place_of_the_first(place: Place):
    place.set_up()
    assert any(line.endswith("--torch-backend cu130") for line in place.set_up(torch="cuda"))
    asked = place.set_up(torch="default")
    assert any("--force-reinstall --no-deps torch==2.13.0" in line for line in asked)


def test_a_python_out_of_range_is_told_what_is_needed(
    place: Place, setup: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(setup, "supported", lambda version: False)
    with pytest.raises(setup.SetupError, match=r"needs Python 3\.10 to 3\.13"):
        place.set_up()


@pytest.mark.parametrize(
    ("version", "good"),
    [((3, 9), False), ((3, 10), True), ((3, 13), True), ((3, 14), False), ((2, 7), False)],
)
def test_python_3_10_to_3_13_are_supported(setup: ModuleType, version: tuple[int, int], good: bool):
    assert setup.supported(version) is good


def test_an_environment_whose_python_does_not_start_is_made_anew(
    setup: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    # Without pip it is the same environment, made in a tenth of the time.
    run = setup.run
    monkeypatch.setattr(setup, "run", lambda command, **kw: run([*command, "--without-pip"], **kw))
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(tmp_path / "a-python-that-was-uninstalled")
    (venv / "left-over").touch()
    setup.make_venv(venv)
    assert setup.version_of(venv / "bin" / "python") == sys.version_info[:2]
    assert not (venv / "left-over").exists()
    assert "making it anew" in capsys.readouterr().out


def test_without_the_right_to_install_the_line_to_run_is_named(
    setup: ModuleType, as_user: list[list[str]], capsys: pytest.CaptureFixture[str]
):
    assert setup.apt_install(["libgl1"], why="libGL is missing.") is False
    said = capsys.readouterr().out
    assert said.index("libGL is missing.") < said.index("sudo apt-get install libgl1")
    assert as_user == []


def test_missing_libraries_are_named_with_what_needs_them_and_do_not_stop_the_rest(
    place: Place,
    setup: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(setup, "missing_packages", lambda: {"libgl1": "reading cameras"})
    monkeypatch.setattr(setup, "privileges", lambda: None)
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "main.py weights fetch" in place.set_up()
    assert "for reading cameras: libgl1" in capsys.readouterr().out
    place.set_up()
    assert "sudo apt-get install libgl1" in capsys.readouterr().out, "asked for until it is there"


def test_as_root_libraries_are_installed_and_the_command_is_shown_first(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    ran: list[str] = []

    def run(command: list[str], **_: object) -> None:
        assert "Running: apt-get" in capsys.readouterr().out
        ran.append(" ".join(command))

    monkeypatch.setattr(setup, "privileges", list)
    monkeypatch.setattr(setup, "run", run)
    monkeypatch.setattr(setup, "in_apt", lambda name: name != "libglib2.0-0")
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert setup.apt_install(["libgl1", "libglib2.0-0"], why="They are missing.")
    update, install = ran
    assert update.endswith("apt-get update -q")
    assert install.endswith("libgl1 libglib2.0-0t64"), "Ubuntu 24.04's name"


def test_libraries_are_looked_for_on_linux_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    module = script_named("setup")
    monkeypatch.setattr(module, "loads", lambda library: library != "libxcb-cursor.so.0")
    monkeypatch.setattr(module.sys, "platform", "linux")
    assert module.missing_packages() == {"libxcb-cursor0": module.XCB}
    monkeypatch.setattr(module.sys, "platform", "darwin")
    assert module.missing_packages() == {}


def find_python(
    folder: Path, *pythons: tuple[str, str], **environment: str
) -> subprocess.CompletedProcess[str]:
    """scripts/find_python.sh on a PATH with these Pythons (name, shell script) and no other."""
    for name in ("sh", "id", "printf"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, script in pythons:
        (folder / name).write_text(f"#!{shutil.which('sh')}\n{script}\n")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["sh", str(ROOT / "scripts" / "find_python.sh")],
        cwd=folder,
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


WORKS = f'exec "{sys.executable}" "$@"'
SHIM = 'echo "not installed in this version manager" >&2; exit 127'
OLD = "exit 1"
NO_VENV = f'case "$2" in *ensurepip*) exit 1 ;; esac; exec "{sys.executable}" "$@"'


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ([("python3.13", SHIM), ("python3.12", WORKS), ("python3", WORKS)], "python3.12"),
        ([("python3", WORKS)], "python3"),
        ([("python3", OLD), ("python", WORKS)], "python"),
        ([("python3.13", NO_VENV), ("python3.10", WORKS)], "python3.10"),
        ([("python3.13", NO_VENV)], "python3.13"),
    ],
)
def test_the_first_python_that_really_works_is_taken(
    tmp_path: Path, pythons: list[tuple[str, str]], chosen: str
):
    done = find_python(tmp_path, *pythons)
    assert (done.returncode, done.stdout.strip()) == (0, chosen)


def test_without_any_python_one_sentence_says_what_to_do(tmp_path: Path):
    done = find_python(tmp_path, ("python3", OLD))
    assert done.returncode == 1
    assert "needs Python 3.10 to 3.13" in done.stderr
    assert "Install it" in done.stderr


def test_a_python_that_was_named_and_does_not_start_is_an_error(tmp_path: Path):
    done = find_python(tmp_path, ("python3", WORKS), PYTHON="python3.99")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "PYTHON=python3.99 cannot be started" in done.stderr


@pytest.fixture
def make() -> Callable[..., str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")

    def call(*arguments: str) -> str:
        done = subprocess.run(
            ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout

    return call


def test_make_alone_lists_every_target(make: Callable[..., str]):
    listed = make()
    for target in ("setup", "run", "demo", "test", "check", "soak", "clean", "help"):
        assert f"make {target} " in listed


@pytest.mark.parametrize("target", ["run", "test", "demo", "check", "soak"])
def test_every_target_that_runs_something_sets_up_first(make: Callable[..., str], target: str):
    lines = make("--dry-run", target).splitlines()
    first = next(i for i, line in enumerate(lines) if "main.py" in line or "-m p" in line)
    assert any("scripts/setup.py" in line for line in lines[:first])
