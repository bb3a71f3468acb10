"""Who may import what: the layering that docs and reviews rely on, read from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "app").rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(tree: ast.Module, path: Path) -> Iterator[tuple[str, int]]:
    """Every module that is imported, at the top or in a function, with its line.

    `from a import b` gives `a` and `a.b`, for b may be a module. What stands under
    `if TYPE_CHECKING:` is not imported when the program runs.
    """
    for node in _running(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = path.relative_to(ROOT).parent.parts
                base = package[: len(package) - node.level + 1]
                module = ".".join([*base, *([module] if module else [])])
            yield module, node.lineno
            for alias in node.names:
                yield f"{module}.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            # importlib.import_module("torch")
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, node.lineno


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other
                yield from _running(other)
            continue
        yield child
        yield from _running(child)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _under(*places: str) -> Callable[[str], bool]:
    """Whether a file is one of `places` or lies in one of those that end in a slash."""

    def test(name: str) -> bool:
        return any(
            name == place or (place[-1] == "/" and name.startswith(place)) for place in places
        )

    return test


def _torch_may_be_in(name: str) -> bool:
    if name in ("app/modnet/__init__.py", "app/modnet/preprocess.py"):
        return False
    return _under(
        "app/engines/torch_engine.py",
        "app/modnet/",
        "app/training/",
        "app/evaluation/",
        # The loop that the benchmark measures against is the tutorials' own, torch and all.
        "app/bench/naive.py",
    )(name)


RULES: list[tuple[str, Callable[[str], bool]]] = [
    ("PyQt6", _under("app/gui/")),
    ("torch", _torch_may_be_in),
    ("cv2", lambda name: not name.startswith("app/gui/")),
    (
        "threading",
        _under(
            "app/runtime/",
            "app/live.py",
            "app/stages/",
            "app/stats.py",  # counts from every thread
            "app/on_demand.py",  # hears from every watch
            "app/outputs/",
            "app/sources/",
            "app/engines/",
            "app/recording/",
            "app/sound/",
            "app/cli/live.py",  # waits for a signal
            "app/cli/progress_log.py",  # speaks while the work goes on
            "app/system/",
            "app/bench/live_run.py",  # waits for a turn to be over
            "app/bench/recording_cost.py",
            "app/bench/running.py",  # waits for the first matte
            "app/recording/",
            "app/sound/",
        ),
    ),
    ("app.gui", _under("app/gui/", "app/cli/")),
]


def _breaches(tree: ast.Module, path: Path) -> list[str]:
    return [
        f"{_name(path)}:{line} imports {module}"
        for module, line in _imports(tree, path)
        for package, allowed in RULES
        if _within(module, package) and not allowed(_name(path))
    ]


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    assert _breaches(ast.parse(path.read_text(encoding="utf-8")), path) == []


# system/leaving.py is where the process ends for all others.
_MAY_EXIT = [file for file in FILES if "cli" in file.parts or file.name == "leaving.py"]


@pytest.mark.parametrize("path", [file for file in FILES if file not in _MAY_EXIT], ids=_name)
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            assert call not in ("print", "exit", "quit", "sys.exit", "os._exit"), (
                f"{_name(path)}:{node.lineno} calls {call}"
            )


@pytest.mark.parametrize(
    ("file", "source", "breaches"),
    [
        ("app/views.py", "import torch", 1),
        ("app/views.py", "def f():\n    from torch.nn import functional", 2),
        ("app/views.py", "import importlib\nimportlib.import_module('torch')", 1),
        ("app/views.py", "def f():\n    from app.modnet import weights", 0),
        ("app/views.py", "if TYPE_CHECKING:\n    import torch\nelse:\n    import threading", 1),
        ("app/views.py", "from . import gui", 1),
        ("app/views.py", "import torchvision_like, PyQt6x", 0),
        ("app/modnet/network.py", "import torch", 0),
        ("app/modnet/preprocess.py", "import torch", 1),
        ("app/engines/torch_engine.py", "import torch, threading", 0),
        ("app/engines/openvino_engine.py", "import torch", 1),
        ("app/gui/preview.py", "import cv2, PyQt6.QtCore", 1),
        ("app/cli/run.py", "import app.gui.main_window", 0),
        ("app/live.py", "import threading", 0),
        ("app/views.py", "from threading import Lock", 2),
    ],
)
def test_the_rules_find_what_they_are_for(file: str, source: str, breaches: int) -> None:
    assert len(_breaches(ast.parse(source), ROOT / PurePosixPath(file))) == breaches


def test_help_comes_without_the_heavy_libraries() -> None:
    program = (
        "import sys, runpy\n"
        "sys.argv = ['main.py', '--help']\n"
        "try:\n"
        "    runpy.run_path('main.py', run_name='__main__')\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "heavy = {'torch', 'openvino', 'av', 'PyQt6', 'cv2'} & set(sys.modules)\n"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
