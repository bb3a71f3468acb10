"""`make soak-devices` where it cannot be had, and how it tells its results."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import pytest

from tests.devices import __main__ as soak_devices
from tests.devices import machine as virtual
from tests.devices.machine import Machine, MachineError, Outcome, cache_folder


def silent(line: str) -> None: ...


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Linux on x86-64 with apt-get and every tool."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return monkeypatch


@pytest.mark.parametrize(("system", "processor"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_another_system_is_told_what_is_needed(
    debian: pytest.MonkeyPatch, tmp_path: Path, system: str, processor: str
) -> None:
    debian.setattr(platform, "system", lambda: system)
    debian.setattr(platform, "machine", lambda: processor)
    with pytest.raises(MachineError, match="needs Linux on x86-64"):
        Machine(silent, cache=tmp_path).make()


def test_a_distribution_without_apt_is_told(debian: pytest.MonkeyPatch, tmp_path: Path) -> None:
    debian.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MachineError, match="Debian's packages"):
        Machine(silent, cache=tmp_path).make()


def test_who_is_not_root_is_told_the_line_that_installs_what_is_missing(
    debian: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    debian.setattr(
        shutil, "which", lambda name: None if name in ("qemu-system-x86_64", "cpio") else "/bin/x"
    )
    debian.setattr(os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(MachineError, match="sudo apt-get install cpio qemu-system-x86"):
        Machine(silent, cache=tmp_path).make()


def test_an_apt_that_has_no_kernel_is_told(debian: pytest.MonkeyPatch, tmp_path: Path) -> None:
    debian.setattr(virtual, "_dependency", lambda package, pattern: None)
    with pytest.raises(MachineError, match="apt knows no package linux-image-amd64"):
        Machine(silent, cache=tmp_path).make()


def test_the_cache_is_where_the_user_wants_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MATTECAM_VM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MATTECAM_VM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mattecam/vm"


RESULTS = """<testsuites><testsuite>
<testcase classname="tests.devices.test_cameras" name="test_red" time="1.5"/>
<testcase classname="tests.devices.test_cameras" name="test_blue" time="2">{}</testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("inner", "status", "counts", "ends_with"),
    [
        ("", 0, "2 passed, 0 failed, 0 skipped", 0),
        ("<skipped/>", 0, "1 passed, 0 failed, 1 skipped", 0),
        ("<failure/>", 1, "1 passed, 1 failed, 0 skipped", 1),
        ("<error/>", 1, "1 passed, 1 failed, 0 skipped", 1),
        ("", None, "did not come to their end", 1),
    ],
)
def test_each_result_is_counted_and_decides_the_exit_status(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    inner: str,
    status: int | None,
    counts: str,
    ends_with: int,
) -> None:
    (tmp_path / "results.xml").write_text(RESULTS.format(inner))
    assert soak_devices._tell(Outcome(status, tmp_path)) == ends_with
    assert counts in capsys.readouterr().out
