"""Writes the SHA-256 of every file that set-up may install beside the pins.

    python scripts/hash_requirements.py

Run it after each change of requirements.txt or requirements-dev.txt. It needs uv (`python -m pip
install uv==0.13.9`) and PyPI. requirements-hashes.txt gets what running needs,
requirements-dev-hashes.txt what developing needs on top. torch is left out: its builds for CPU and
CUDA come from other indexes and are other files under the same version.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by scripts/hash_requirements.py from {}; do not edit.\n"
FILES = {
    "requirements.txt": "requirements-hashes.txt",
    "requirements-dev.txt": "requirements-dev-hashes.txt",
}
UNHASHED = "torch"
# As old as the oldest Python that is supported, so that every marker is kept.
PYTHON = "3.10"


def blocks(compiled: str) -> list[str]:
    """One text for each requirement: its line and those of its hashes."""
    return re.findall(r"^\S.*\n(?:[ \t]+--hash=.*\n)*", compiled, re.MULTILINE)


def compiled(requirements: Path) -> str:
    """The pins in `requirements` with the hashes of all their files.

    Raises:
        subprocess.CalledProcessError: uv found no such version for one of the Pythons.
    """
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-deps", "--universal"),
        *("--python-version", PYTHON, "--no-python-downloads", "--generate-hashes"),
        *("--no-annotate", "--no-header", "--no-emit-package", UNHASHED, str(requirements)),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    return done.stdout


def main() -> int:
    written: set[str] = set()
    for source, target in FILES.items():
        try:
            new = [block for block in blocks(compiled(ROOT / source)) if block not in written]
        except subprocess.CalledProcessError:
            sys.stderr.write(f"uv could not hash {source}; what went wrong is shown above.\n")
            return 1
        written.update(new)
        text = HEADER.format(source) + "".join(new)
        (ROOT / target).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
