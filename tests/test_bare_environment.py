from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def _imports(python: Path, module: str) -> bool:
    done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("module", ["torch", "cv2", "openvino", "av", "PyQt6.QtCore", "PIL.Image"])
def test_it_holds_what_a_user_has(bare_python: Path, module: str) -> None:
    assert _imports(bare_python, module)


@pytest.mark.parametrize("module", ["pytest", "hypothesis", "onnxruntime", "skimage", "mypy"])
def test_it_lacks_what_only_developers_have(bare_python: Path, module: str) -> None:
    assert not _imports(bare_python, module)
