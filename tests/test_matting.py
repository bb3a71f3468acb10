"""The matting step, and a network whose size follows the subject."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from app.chain import ChainSettings, open_chain
from app.engines.base import EngineSettings
from app.engines.null import NullEngine
from app.flow import run
from app.frames import Frame, Matte
from app.matting import Matting
from app.modnet.preprocess import NetworkSize, grid_for
from app.subject.size_policy import RUNGS, Rung, SizePolicy

SIZE = (640, 360)
RATE = 30


class Disagreeing(NullEngine):
    """A person of a share of the picture; at a smaller input the edge lies elsewhere."""

    extent = 0.3
    finest = 0  # the input's height

    def submit(self, frame: Frame) -> None:
        width, height = grid_for(frame.size, self.settings.size).content
        self.finest = max(self.finest, height)
        wider = 0.03 if height < self.finest else 0.0
        x = np.linspace(0, 1, width, dtype=np.float32)
        row = np.clip((self.extent + wider - x) * 60 + 0.5, 0, 1)
        self._ready.append(Matte(frame, np.tile(row, (height, 1))))

    def take_ready(self) -> Sequence[Matte]:
        """One request later, as an engine with two in flight."""
        keep = self.settings.in_flight - 1
        ready, self._ready = self._ready[: -keep or None], self._ready[-keep:] if keep else []
        return ready

    def drain(self) -> Sequence[Matte]:
        ready, self._ready = self._ready, []
        return ready


def engine(in_flight: int = 1) -> Disagreeing:
    settings = EngineSettings(None, "", in_flight=in_flight, size=NetworkSize.parse("512x288"))
    return Disagreeing(settings)


def still(index: int) -> Frame:
    return Frame(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8), index, index / RATE)


def policy() -> SizePolicy:
    return SizePolicy((Rung(0.0, 1.0), Rung(0.6, 8 / 9)))


def nearing(matting: Matting, opened: Disagreeing, frames: int = 200) -> list[Matte]:
    """Somebody far away comes near and stays."""
    mattes: list[Matte] = []
    for index in range(frames):
        opened.extent = 0.3 if index < 30 else 0.9
        mattes += matting.push(still(index))
    return [*mattes, *matting.flush()]


@pytest.mark.parametrize("in_flight", [1, 2])
def test_who_comes_near_makes_the_network_smaller_once(in_flight: int) -> None:
    with engine(in_flight) as opened:
        matting = Matting(opened, subject=policy())
        mattes = nearing(matting, opened)
    assert [matte.frame.index for matte in mattes] == list(range(200))
    assert matting.grids == ["512x288", "448x256"]
    assert str(opened.settings.size) == "448x256"


def test_without_a_policy_the_size_stays() -> None:
    with engine() as opened:
        matting = Matting(opened)
        nearing(matting, opened)
    assert matting.grids == ["512x288"]


def test_a_reset_goes_back_to_the_size_that_was_asked_for() -> None:
    with engine() as opened:
        matting = Matting(opened, subject=policy())
        nearing(matting, opened)
        matting.reset()
        assert str(opened.settings.size) == "512x288"


def test_the_switch_does_not_depend_on_how_fast_the_engine_is() -> None:
    def switched_at(waits: bool) -> list[float]:
        with engine(2) as opened:
            if not waits:
                opened.take_ready = opened.drain  # type: ignore[method-assign]
            mattes = nearing(Matting(opened, subject=policy()), opened)
        return [float(matte.alpha.mean()) for matte in mattes]

    assert switched_at(True) == switched_at(False)


def test_a_still_scene_shows_no_jump_at_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the whole chain of steps, as `convert` runs it."""
    monkeypatch.setattr("app.chain.SizePolicy", lambda: SizePolicy((Rung(0, 1), Rung(0.6, 8 / 9))))
    opened = engine()

    class Opening:
        def __enter__(self) -> tuple[Disagreeing, object]:
            opened.__enter__()
            return opened, opened.info

        def __exit__(self, *_: object) -> None: ...

    def near() -> Iterator[Frame]:
        for index in range(150):
            # Near from the fifteenth frame on; the size follows later, when nothing moves.
            opened.extent = 0.3 if index < 15 else 0.9
            shade = 90 if index < 15 else 140
            yield Frame(np.full((SIZE[1], SIZE[0], 3), shade, np.uint8), index, index / RATE)

    settings = ChainSettings(
        engine="null",
        size_follows_subject=True,
        temporal="steady:mirrored=off",  # the engine knows nothing of mirrors
        background="transparent",
        in_flight=1,
    )
    with open_chain(settings, with_engine=lambda *_: Opening()) as chain:  # type: ignore[arg-type]
        alphas = [c.cutout.alpha.astype(np.int16) for c in run(near(), chain.steps)]
        told = chain.describe(SIZE)
    assert told["network_sizes_used"] == ["512x288", "448x256"]
    assert told["size_follows_subject"] is True
    # The networks' own mattes differ by all of alpha, at the edge.
    assert np.abs(alphas[-1] - alphas[20]).max() == 255
    # Half a second of fading, at 30 frames a second, is a fifteenth in each; what the picture leads
    # the edge by fades with it.
    assert max(np.abs(b - a).max() for a, b in itertools.pairwise(alphas[20:])) < 2 / 15 * 255


def test_the_option_is_one_of_the_command_line(tmp_path: Path) -> None:
    from app.cli.chain_options import _settings

    assert _settings(size_follows_subject=True).size_follows_subject
    assert not _settings().size_follows_subject


def test_the_rungs_only_ever_make_it_smaller() -> None:
    assert RUNGS[0] == Rung(0.0, 1.0)
    assert all(rung.factor <= 1.0 for rung in RUNGS)
