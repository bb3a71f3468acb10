"""An environment that holds what `make run` installs, and none of the developers' packages.

It is a virtual environment whose packages are links to those of the environment that runs the
tests: every distribution that requirements.txt names, file by file, and nothing else. So a command
that needs a developers' package fails in it as it fails for a user.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"^([A-Za-z0-9._-]+)==")


def user_packages() -> frozenset[str]:
    """The names of all distributions in requirements.txt, normalized as pip does."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(_normal(match[1]) for line in lines if (match := _NAME.match(line)))


def make_bare_environment(folder: Path) -> Path:
    """Makes the environment in `folder`, which must not exist. Returns its Python."""
    venv.EnvBuilder(symlinks=os.name != "nt", with_pip=False).create(folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(_run(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    wanted = user_packages()
    for distribution in distributions():
        if _normal(distribution.metadata["Name"]) in wanted:
            _link(distribution, site)
    return python


def user_environment(home: Path) -> dict[str, str]:
    """The variables of a user in a fresh `home` (made if missing): no display, none of ours."""
    home.mkdir(parents=True, exist_ok=True)
    kept = ("LANG", "LC_ALL", "PATH", "SYSTEMROOT", "TEMP", "TMP", "OPENBLAS_CORETYPE")
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    return {
        **variables,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "QT_QPA_PLATFORM": "offscreen",
    }


def _link(distribution: Distribution, site: Path) -> None:
    source = Path(str(distribution.locate_file("")))
    tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "/")}
    for top in tops - {"__pycache__"}:
        _link_tree(source / top, site / top)


def _link_tree(source: Path, target: Path) -> None:
    """A link; where another distribution put its files into the same folder, their links."""
    if target.is_symlink() and target.is_dir():
        _unfold(target)
    if target.is_dir():
        for child in source.iterdir():
            _link_tree(child, target / child.name)
    elif source.exists() and not target.exists():
        target.symlink_to(source, target_is_directory=source.is_dir())


def _unfold(link: Path) -> None:
    """Replaces a link to a folder by a folder of links."""
    source = link.resolve()
    link.unlink()
    link.mkdir()
    for child in source.iterdir():
        (link / child.name).symlink_to(child, target_is_directory=child.is_dir())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":  # python -m tests.bare_environment FOLDER
    sys.stdout.write(f"{make_bare_environment(Path(sys.argv[1]))}\n")
