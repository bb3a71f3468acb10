"""Every other picture mirrored, and nobody notices."""

from __future__ import annotations

import numpy as np
import pytest

from app.alternation import Alternation
from app.engines.base import EngineSettings
from app.engines.null import NullEngine
from app.frames import Frame, Matte
from app.matting import Matting
from app.modnet.preprocess import Grid, fit_frame

RNG = np.random.default_rng(1)


class LeftSided(NullEngine):
    """Says that the person is at the left of what it sees, as bright as that is red there."""

    def __init__(self) -> None:
        super().__init__(EngineSettings(weights=None, weights_sha256=""))
        self.seen: list[np.ndarray] = []

    def submit(self, frame: Frame) -> None:
        seen = np.empty_like(frame.rgb)
        fit_frame(frame, Grid(frame.size, frame.size), seen)
        self.seen.append(seen)
        alpha = seen[..., 0].astype(np.float32) / 255
        alpha[:, 8:] = 0
        self._ready.append(Matte(frame, alpha))


def frames(count: int, *, noise: int = 8) -> list[Frame]:
    """Pictures that differ by up to so many levels."""
    room = RNG.integers(40, 200, (9, 16, 3), np.uint8)
    return [
        Frame(room + RNG.integers(0, noise, (9, 16, 3), np.uint8), at, at / 25)
        for at in range(count)
    ]


def test_every_other_picture_is_mirrored_and_its_matte_is_turned_back() -> None:
    shown = frames(4)
    with LeftSided() as engine:
        step = Matting(engine, alternate=True)
        mattes = [matte for frame in shown for matte in step.push(frame)]
        seen = engine.seen
    for at, (frame, matte) in enumerate(zip(shown, mattes, strict=True)):
        assert matte.frame is frame
        red = frame.rgb[..., 0] / 255
        own = np.s_[:, 8:] if at % 2 else np.s_[:, :8]
        assert np.array_equal(seen[at], frame.rgb[:, ::-1] if at % 2 else frame.rgb)
        assert matte.alpha[own] == pytest.approx(red[own])
        assert matte.alpha.flags.c_contiguous


def test_in_fast_motion_pictures_are_shown_as_they_are() -> None:
    alternation = Alternation()
    shown = [Frame(np.full((9, 16, 3), 60 * (at % 3), np.uint8), at, at / 25) for at in range(6)]
    for frame in shown:
        assert alternation.into(frame, alternate=True) is frame


def test_after_a_reset_the_first_picture_is_shown_as_it_is() -> None:
    with LeftSided() as engine:
        step = Matting(engine, alternate=True)
        for frame in frames(3):
            step.push(frame)
            step.reset()
            assert np.array_equal(engine.seen[-1], frame.rgb)


def test_without_it_the_engine_sees_the_frames_themselves() -> None:
    alternation = Alternation()
    for frame in frames(3):
        assert alternation.into(frame, alternate=False) is frame
    mattes = [Matte(frame, np.zeros((9, 16), np.float32)) for frame in frames(3)]
    assert list(alternation.out_of(mattes)) == mattes


def test_a_filter_that_is_swapped_under_way_keeps_frames_and_mattes_together() -> None:
    alternation = Alternation()
    shown = frames(5)
    inside = [alternation.into(frame, alternate=at in (0, 1, 4)) for at, frame in enumerate(shown)]
    seen = [frame.rgb[:, ::-1] if frame.mirrored else frame.rgb for frame in inside]
    assert [frame.mirrored for frame in inside] == [False, True, False, False, False]
    mattes = [
        Matte(frame, picture[..., 0] / np.float32(255))
        for frame, picture in zip(inside, seen, strict=True)
    ]
    for frame, matte in zip(shown, alternation.out_of(mattes), strict=True):
        assert matte.frame is frame
        assert np.array_equal(matte.alpha, frame.rgb[..., 0] / np.float32(255))
