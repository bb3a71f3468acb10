"""What the network said of a picture is not asked twice."""

from __future__ import annotations

import numpy as np
import pytest

from app.chain import ChainSettings
from app.engines.null import NullEngine
from app.evaluation.remembered import Memory
from app.frames import Frame
from app.modnet.preprocess import NetworkSize


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Frame]:
    """The frames that reach the null engine."""
    found: list[Frame] = []
    submit = NullEngine.submit

    def counted(self: NullEngine, frame: Frame) -> None:
        found.append(frame)
        submit(self, frame)

    monkeypatch.setattr(NullEngine, "submit", counted)
    return found


def test_what_is_remembered_depends_on_the_picture_alone() -> None:
    with Memory().open(ChainSettings(engine="null"), None) as (engine, _):
        assert not engine.settings.scene


def test_a_picture_is_asked_about_once_for_each_size(asked: list[Frame]) -> None:
    rng = np.random.default_rng(2)
    pictures = [rng.integers(0, 255, (90, 160, 3), np.uint8) for _ in range(3)]
    memory = Memory()

    def through(size: NetworkSize) -> list[np.ndarray]:
        said = []
        with memory.open(ChainSettings(engine="null", size=size), None) as (engine, info):
            assert info.engine == "null"
            for index, rgb in enumerate(pictures):
                engine.submit(Frame(rgb, index, 0.0))
                (matte,) = engine.take_ready()
                assert matte.frame.index == index
                said.append(matte.alpha)
        return said

    small = NetworkSize((160, 96))
    first, again, larger = through(small), through(small), through(NetworkSize((320, 192)))
    assert len(asked) == 2 * len(pictures)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one, other)
    assert first[0].shape == (90, 160)
    assert larger[0].shape == (180, 320)
