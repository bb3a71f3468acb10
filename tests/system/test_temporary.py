"""Temporary folders are private, say whose they are, and go."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.cli import main
from app.system.files import make_private_folder, write_private
from app.system.temporary import make_temporary_folder, remove_stale, temporary_folder

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@posix
def test_only_the_user_enters_it_whatever_the_umask_is() -> None:
    before = os.umask(0)
    try:
        with temporary_folder("bench") as folder:
            write_private(folder / "x", b"x")
            private = make_private_folder(folder / "inner")
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            assert stat.S_IMODE((folder / "x").stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert not folder.exists()


def test_it_goes_when_the_body_raises() -> None:
    made: list[Path] = []

    def work() -> None:
        with temporary_folder("evaluate") as folder:
            made.append(folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not made[0].exists()


def test_the_next_start_of_any_command_deletes_what_a_killed_process_left(
    temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import os, signal, tempfile; from app.system.temporary import make_temporary_folder\n"
        f"tempfile.tempdir = {str(temporary)!r}\n"
        "folder = make_temporary_folder('adapt'); (folder / 'me.jpg').write_bytes(b'x')\n"
        "os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode != 0
    assert len(list(temporary.glob("*/me.jpg"))) == 1
    mine = make_temporary_folder("adapt")
    assert main(["--version"]) == 0
    assert list(temporary.iterdir()) == [mine]


@pytest.mark.parametrize("name", ["mattecam-notes-999999999-abc", "mattecam-adapt-abc", "other"])
def test_folders_with_other_names_stay(temporary: Path, name: str) -> None:
    (temporary / name).mkdir()
    remove_stale()
    assert (temporary / name).exists()
