"""What is installed next year is what was tested: the pins are complete."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FILES = ("requirements.txt", "requirements-dev.txt")
# torch pins what its CUDA build needs, to the version.
PINNED_BY_TORCH = re.compile(r"nvidia-|cuda-|triton$")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def requirements(name: str) -> Iterator[Requirement]:
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            yield from requirements(text[3:].strip())
        elif text:
            yield Requirement(text)


def pins(name: str, python: str) -> dict[str, list[str]]:
    """Distribution -> its pins on this system with that Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.7"}
    found: dict[str, list[str]] = {}
    for requirement in requirements(name):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found.setdefault(canonicalize_name(requirement.name), []).append(
                str(requirement.specifier)
            )
    return found


HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_names_exactly_one_version(name: str):
    for requirement in requirements(name):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", str(requirement)
        assert "*" not in specifier.version, str(requirement)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", FILES)
def test_each_python_gets_one_version_of_each_package(name: str, python: str):
    assert {package: them for package, them in pins(name, python).items() if len(them) > 1} == {}


@pytest.mark.parametrize("name", FILES)
def test_what_the_packages_need_is_pinned_too(name: str):
    pinned = pins(name, HERE)
    for package in pinned:
        for text in importlib.metadata.requires(package) or ():
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
                continue
            name_needed = canonicalize_name(needed.name)
            if PINNED_BY_TORCH.match(name_needed):
                continue
            assert name_needed in pinned, f"{package} needs {needed.name}, which is not pinned"


@pytest.mark.parametrize("name", FILES)
def test_what_is_installed_is_what_is_pinned(name: str):
    for package, (pin,) in pins(name, HERE).items():
        installed = importlib.metadata.version(package)
        assert Requirement(f"x{pin}").specifier.contains(installed), package


HASHED = {
    "requirements.txt": ("requirements-hashes.txt",),
    "requirements-dev.txt": ("requirements-hashes.txt", "requirements-dev-hashes.txt"),
}


def hashed_pins(files: Iterable[str]) -> dict[str, int]:
    """Requirement -> how many SHA-256 stand below it."""
    found: dict[str, int] = {}
    for name in files:
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            words, *hashes = re.split(r"\s+--hash=sha256:(?=[0-9a-f]{64}\b)", line.strip())
            if words and not words.startswith("#"):
                assert "--hash" not in words
                found[str(Requirement(words))] = len(hashes)
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_but_torch_has_its_hashes(name: str):
    wanted = {str(one) for one in requirements(name) if one.name != "torch"}
    found = hashed_pins(HASHED[name])
    assert set(found) == wanted, "run: python scripts/hash_requirements.py"
    assert min(found.values()) >= 1


def imported_at_run_time() -> set[str]:
    """The top-level modules that the program imports, wherever in a file that stands."""
    names = set()
    for path in [ROOT / "main.py", *(ROOT / "app").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").split(".")[0])
    # `bench` measures ONNX Runtime beside our engines where it is there, and says so where not.
    return names - set(sys.stdlib_module_names) - {"app", "tomllib", "onnxruntime"}


def test_what_the_program_imports_is_required_to_run_it():
    required = {canonicalize_name(requirement.name) for requirement in requirements(FILES[0])}
    distributions = importlib.metadata.packages_distributions()
    for module in imported_at_run_time():
        # tomli is for Pythons before 3.11 only, so that it may be absent here.
        names = distributions.get(module, [module])
        assert required & {canonicalize_name(name) for name in names}, module
