"""Looks the pinned packages up in the database of known vulnerabilities, with pip-audit.

    python scripts/audit.py

pip-audit gets an environment of its own, .venv-audit, since it shares packages with Mattecam at
other versions. The database is PyPI's; a mirror may not serve it. The exit code is 0 where every
package was looked up and none has a known vulnerability, 1 where one has, and 3 where the database
could not be asked: nothing is known then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIP_AUDIT = "pip-audit==2.10.1"
VENV = ROOT / ".venv-audit"
HASHED = ("requirements-hashes.txt", "requirements-dev-hashes.txt")
VULNERABLE, UNKNOWN = 1, 3


class NotAsked(Exception):
    """Nothing was found out, for the reason given."""


def python() -> Path:
    """The audit's own Python, with pip-audit. Raises NotAsked where it cannot be installed."""
    interpreter = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not interpreter.exists():
        venv.EnvBuilder(with_pip=True, clear=True).create(VENV)
    pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "install", "-q", PIP_AUDIT]
    if subprocess.run(pip, check=False).returncode != 0:
        raise NotAsked(f"{PIP_AUDIT} could not be installed, as is shown above")
    return interpreter


def ask(interpreter: Path, *arguments: str) -> list[dict[str, Any]]:
    """pip-audit's answer for each package. Raises NotAsked where it has none."""
    command = [
        *(str(interpreter), "-m", "pip_audit", "--disable-pip", "--format", "json"),
        *("--progress-spinner", "off", *arguments),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        # The exit code is 1 both for a vulnerability and for a failure of pip-audit's own.
        answer: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        words = done.stderr.strip().splitlines()
        raise NotAsked(words[-1][:200] if words else "pip-audit said nothing") from None
    return answer


def verdict(packages: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code, and what to say. A package that was skipped was not looked up."""
    found = [
        f"{package['name']} {package['version']}: {one['id']}, mended in "
        f"{', '.join(one.get('fix_versions') or ['no version yet'])}"
        for package in packages
        for one in package.get("vulns", ())
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if found:
        return VULNERABLE, [*found, "Pin other versions: docs/decisions.md says how."]
    if skipped or not packages:
        return UNKNOWN, [
            f"{len(skipped)} of {len(packages)} packages could not be looked up: the package index "
            "here does not serve PyPI's database of vulnerabilities. Run it where PyPI can be "
            "reached."
        ]
    return 0, [f"No known vulnerability in {len(packages)} packages."]


def torch_pin() -> str:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def main() -> int:
    try:
        interpreter = python()
        files = [part for name in HASHED for part in ("-r", name)]
        packages = ask(interpreter, "--require-hashes", *files)
        with tempfile.TemporaryDirectory() as folder:
            pin = Path(folder) / "torch.txt"
            pin.write_text(torch_pin() + "\n", encoding="utf-8")
            packages += ask(interpreter, "--no-deps", "-r", str(pin))
        code, sentences = verdict(packages)
    except NotAsked as reason:
        code = UNKNOWN
        sentences = [f"The packages could not be looked up ({reason}). Run it where PyPI is there."]
    sys.stdout.write("\n".join(sentences) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
