"""What the whole suite shares: real weights and real data, where they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from app import places
from tests.bare_environment import make_bare_environment

# A busy machine is slow, not wrong.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def weights_file() -> Path:
    """The released photographic weights, as fetched. `make setup` fetches them."""
    path = places.weights() / "modnet-photographic.onnx"
    if not path.is_file():
        pytest.skip("modnet-photographic is not fetched: python main.py weights fetch")
    return path


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real portraits and clips to measure on, which is not part of the project."""
    folder = os.environ.get("MATTECAM_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MATTECAM_DATA does not name a folder of development data")
    return Path(folder)


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds only what `make run` installs."""
    return make_bare_environment(tmp_path_factory.mktemp("bare") / "venv")
