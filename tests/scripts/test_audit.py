"""What `make audit` says of pip-audit's answers."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts.loading import script_named


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_named("audit")


GOOD = {"name": "numpy", "version": "2.4.6", "vulns": []}
BAD = {"name": "pillow", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}


def test_packages_without_a_vulnerability_pass(script: ModuleType) -> None:
    assert script.verdict([GOOD, GOOD]) == (0, ["No known vulnerability in 2 packages."])


def test_a_vulnerability_is_named_with_the_version_that_mends_it(script: ModuleType) -> None:
    code, sentences = script.verdict([GOOD, BAD, SKIPPED])
    assert code == 1
    assert sentences[0] == "pillow 1: CVE-1, mended in 2"


def test_a_package_that_was_not_looked_up_is_not_called_good(script: ModuleType) -> None:
    code, (sentence,) = script.verdict([GOOD, SKIPPED])
    assert code == 3
    assert "1 of 2 packages could not be looked up" in sentence
    assert script.verdict([])[0] == 3


def test_an_audit_that_cannot_run_ends_in_one_sentence(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(script, "python", lambda: Path(sys.executable))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "pip_audit.py").write_text("raise SystemExit('no route to host')")
    assert script.main() == 3
    assert capsys.readouterr().out == (
        "The packages could not be looked up (no route to host). Run it where PyPI is there.\n"
    )
