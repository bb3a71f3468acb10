"""Which kinds of steps an adaptation takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from app.frames import RGB
from app.modnet.network import MODNet
from app.training import adapt
from app.training.guard import Signs

_FRAMES = [np.full((64, 64, 3), level, np.uint8) for level in (60, 120, 180)]


class _Watched:
    """In SOC's place: counts what it is asked for, and learns nothing."""

    def __init__(self, network: MODNet, *, rate: float) -> None:
        self.network = network
        self.steps = 0
        self.kinds: list[str] = []

    def _note(self, kind: str) -> float:
        self.kinds.append(kind)
        self.steps += 1
        return 0.0

    def step(self, rgb: torch.Tensor) -> float:
        return self._note("soc")

    def learn(self, sample: object) -> float:
        return self._note("agreed")

    def remember(self, teacher: MODNet, rgb: torch.Tensor) -> float:
        return self._note("kept")


@pytest.mark.parametrize(
    ("soc", "others", "expected"),
    [
        (False, _FRAMES[:1], {"agreed": 6, "kept": 2}),
        (True, _FRAMES[:1], {"agreed": 4, "kept": 2, "soc": 2}),
        (False, [], {"agreed": 8}),
        (True, [], {"agreed": 6, "soc": 2}),
    ],
)
def test_soc_is_a_quarter_of_the_steps_where_it_is_asked_for_and_else_none(
    monkeypatch: pytest.MonkeyPatch, soc: bool, others: list[RGB], expected: dict[str, int]
) -> None:
    monkeypatch.setattr(adapt, "SOC", _Watched)
    monkeypatch.setattr(adapt, "agreed", lambda network, rgb: rgb[..., 0] / np.float32(255))
    course = adapt._Course(MODNet(), _FRAMES, others, np.random.default_rng(0), soc=soc)
    course.look(until=float("inf"), clock=lambda: 0.0, progress=lambda share: None)
    for _ in range(8):
        course.step()
    kinds = course._soc.kinds  # type: ignore[attr-defined]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == expected


class _Watching:
    """In the guard's place: every look takes five seconds of the scripted clock."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self.looks = 0

    def __call__(self, *asked: object) -> _Watching:
        return self

    def remember(self, teacher: MODNet, progress: Callable[[float], None]) -> None:
        self._clock.now += 5
        progress(1.0)

    def look(self, network: MODNet) -> Signs:
        self._clock.now += 5
        self.looks += 1
        return Signs(0.2 / self.looks, 1.0, 0.3, 0.01, 0.05, apart=10.0 / self.looks, agreed=0.3)


class _Clock:
    """Each step takes a second."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("minutes", "judged", "learned", "told"),
    [
        (0.05, False, False, adapt.TOO_SHORT),
        (0.15, True, False, adapt.TOO_SHORT),
        (0.5, True, False, adapt.TOO_SHORT),
        (2, True, True, "It is calmer"),
        (30, True, True, "It is calmer"),
    ],
)
def test_it_keeps_to_its_minutes(
    monkeypatch: pytest.MonkeyPatch, minutes: float, judged: bool, learned: bool, told: str
) -> None:
    clock = _Clock()
    watching = _Watching(clock)

    class Slow(_Watched):
        def _note(self, kind: str) -> float:
            clock.now += 1
            return super()._note(kind)

    monkeypatch.setattr(adapt, "SOC", Slow)
    monkeypatch.setattr(adapt, "Guard", watching)
    monkeypatch.setattr(adapt, "agreed", lambda network, rgb: rgb[..., 0] / np.float32(255))
    began = clock.now
    outcome = adapt.adapt(
        MODNet(), _FRAMES * 8, [], minutes=minutes, missing_heads=False, clock=clock
    )
    # What has begun is ended: one look, and the steps that tell how long one takes.
    assert clock.now - began <= 60 * minutes + 10
    assert outcome.reason.startswith(told)
    assert (outcome.before is not None) == judged
    assert (outcome.as_json()["before"] is not None) == judged
    assert outcome.kept == learned
