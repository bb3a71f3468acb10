"""What every registered step on the matte must do, a new one included on arrival."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.errors import InputError
from app.matte_steps.base import MatteStep, matte_steps
from tests.contracts.parts import mattes, picture

NAMES = matte_steps.names()


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], MatteStep]:
    """A step, open; one that needs a file gets a picture."""

    def made(name: str) -> MatteStep:
        path = tmp_path / "a picture.png"
        picture().save(path)
        step = _with_path(name, path) if _needs_path(name) else matte_steps.create(name)
        step.open()
        return step

    return made


def _needs_path(name: str) -> bool:
    return "path" in getattr(matte_steps.entry(name).options, "__dataclass_fields__", {})


def _with_path(name: str, path: Path) -> MatteStep:
    return matte_steps.create(name, path=path)


@pytest.mark.parametrize("name", NAMES)
def test_alpha_stays_within_0_and_1_on_the_mattes_grid(
    name: str, make: Callable[[str], MatteStep]
) -> None:
    step = make(name)
    for matte in mattes(5):
        before = matte.alpha.copy(), matte.frame.rgb.copy()
        alpha = step.change(matte)
        assert alpha.dtype == np.float32
        assert alpha.shape == matte.alpha.shape
        assert alpha.min() >= 0.0
        assert alpha.max() <= 1.0
        assert np.array_equal(before[0], matte.alpha), "the matte was written to"
        assert np.array_equal(before[1], matte.frame.rgb), "the frame was written to"


@pytest.mark.parametrize("name", NAMES)
def test_after_a_reset_it_knows_nothing_that_moved(
    name: str, make: Callable[[str], MatteStep]
) -> None:
    step, items = make(name), mattes(4)
    first = [step.change(item).copy() for item in items]
    step.reset()
    fresh = make(name)
    assert all(np.array_equal(fresh.change(item), step.change(item)) for item in items), (
        "it differs from a new one"
    )
    assert len(first) == len(items)


@pytest.mark.parametrize("name", NAMES)
def test_another_grid_and_another_frame_size_are_followed(
    name: str, make: Callable[[str], MatteStep]
) -> None:
    step = make(name)
    for shape in ((24, 32), (12, 16), (24, 32)):
        for matte in mattes(2, shape=shape):
            assert step.change(matte).shape == shape


@pytest.mark.parametrize("name", [name for name in NAMES if _needs_path(name)])
def test_a_file_that_is_not_there_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    step = _with_path(name, tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"gone\.png"):
        step.open()
