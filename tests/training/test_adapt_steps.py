"""Which kinds of steps an adaptation takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from app.frames import RGB
from app.modnet.network import MODNet
from app.training import adapt

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
