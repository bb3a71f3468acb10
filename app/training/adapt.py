"""Adapt to me: SOC on the user's own frames, watched, and kept only where it helped."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from app.errors import InputError
from app.frames import RGB
from app.modnet.network import MODNet
from app.modnet.preprocess import AUTO
from app.training import data, guard, heads, objectives
from app.training.data import Sample, as_tensor, normalised, size_like
from app.training.guard import Guard, Signs
from app.training.soc import SOC

# Fewer say too little of how the person moves; a second at 25 a second is held out at the least.
LEAST_FRAMES = 40
_HELD_OUT = 0.2
_LONGEST_HELD_OUT = 24
# How many times the way is looked at: SOC does not get better step by step.
_LOOKS = 6
# Steps whose time tells how many there can be.
_TIMED = 3
# More did not help (docs/adapt.md).
MOST_STEPS = 300
# Of the steps, so many keep what the network knows of other people.
_ANCHORED = 4
_AREA = 384 * 224


@dataclass(frozen=True)
class Progress:
    """share: of the work, from 0 to 1; seconds_left: an estimate, None where nothing is known."""

    what: str
    share: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class Outcome:
    """kept: whether `network` is the adapted one. reason: one sentence, either way.

    held_out: the frames, in a row, that it was judged on.
    """

    kept: bool
    reason: str
    before: Signs
    after: Signs
    steps: int
    seconds: float
    network: MODNet
    held_out: Sequence[RGB]

    def as_json(self) -> dict[str, Any]:
        return {
            "kept": self.kept,
            "reason": self.reason,
            "before": _signs(self.before),
            "after": _signs(self.after),
            "seconds": round(self.seconds, 1),
        }


def _signs(signs: Signs) -> dict[str, float]:
    return {"l_cons": round(signs.l_cons, 5), "flicker": round(signs.flicker, 4)}


def adapt(
    network: MODNet,
    frames: Sequence[RGB],
    others: Sequence[RGB],
    *,
    minutes: float,
    missing_heads: bool,
    seed: int = 0,
    temporal: str = "steady",
    progress: Callable[[Progress], None] = lambda done: None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Adapts a copy of `network` to `frames`, uint8 RGB (H, W, 3) in the order they were taken.

    others: pictures of other people, which the matte must not change on. minutes: about how long
    it may take in all; as many steps are taken as fit. It runs where `network` lies. Raises
    InputError for too few frames, for frames without a person, and TrainingDiverged where the
    first steps already fail.
    """
    began = clock()
    if len(frames) < LEAST_FRAMES:
        raise InputError(
            f"There are {len(frames)} frames; adapting needs {LEAST_FRAMES} or more, some seconds "
            "of one person."
        )
    if len({rgb.shape for rgb in frames}) > 1:
        raise InputError("The frames differ in size; take them from one clip.")
    held = min(_LONGEST_HELD_OUT, max(8, int(len(frames) * _HELD_OUT)))
    learning, held_out = frames[:-held], frames[-held:]
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = copy.deepcopy(network)
    if missing_heads:
        _fit_heads(network, learning, rng, progress)
    watch = Guard(held_out, others, AUTO, temporal)
    watch.remember(network)
    looked = clock()
    before = watch.look(network)
    if guard.nobody(before):
        raise InputError("No person can be seen in these frames; there is nothing to adapt to.")
    student = copy.deepcopy(network)
    soc = SOC(student)
    look_cost = clock() - looked

    def step() -> None:
        _one_step(soc, network, learning, others, rng)

    best: tuple[float, MODNet, Signs, int] | None = None
    said, last = "It did not become calmer or surer.", before
    try:
        started = clock()
        for _ in range(_TIMED):
            step()
        step_cost = (clock() - started) / _TIMED
        time_left = began + 60 * minutes - clock() - _LOOKS * look_cost
        planned = max(_LOOKS, min(MOST_STEPS, int(time_left / step_cost)))
        for look in range(1, _LOOKS + 1):
            while soc.steps < planned * look // _LOOKS:
                step()
                left = (planned - soc.steps) * step_cost + (_LOOKS - look + 1) * look_cost
                progress(Progress("Adapting", soc.steps / planned, left))
            last = watch.look(student)
            objection = guard.objection(before, last)
            if objection is not None:
                said = objection
                continue
            merit = guard.merit(before, last)
            if merit > 0 and (best is None or merit > best[0]):
                best = merit, copy.deepcopy(student), last, soc.steps
    except objectives.TrainingDiverged as error:
        said = str(error)
    seconds = clock() - began
    if best is None:
        return Outcome(False, said, before, last, soc.steps, seconds, network, held_out)
    _, adapted, after, steps = best
    reason = f"It is calmer and surer on frames it has not learned from, after {steps} steps."
    return Outcome(True, reason, before, after, steps, seconds, adapted, held_out)


def _one_step(
    soc: SOC,
    teacher: MODNet,
    frames: Sequence[RGB],
    others: Sequence[RGB],
    rng: np.random.Generator,
) -> None:
    if others and soc.steps % _ANCHORED == _ANCHORED - 1:
        rgb = others[int(rng.integers(len(others)))]
        soc.remember(teacher, as_tensor(rgb, size_like(rgb, _AREA), teacher.device))
        return
    rgb = data.Frames([frames]).draw_rgb(rng)
    soc.step(as_tensor(rgb, size_like(rgb, _AREA), teacher.device))


def _fit_heads(
    network: MODNet,
    frames: Sequence[RGB],
    rng: np.random.Generator,
    progress: Callable[[Progress], None],
) -> None:
    """To the network's own matte: without truth, nobody knows more."""

    def draw() -> Sample:
        rgb = data.Frames([frames]).draw_rgb(rng)
        tensor = as_tensor(rgb, size_like(rgb, _AREA), network.device)
        with torch.no_grad():
            return Sample(tensor, network(normalised(tensor)))

    steps = heads.STEPS // 2
    heads.recover_heads(
        network,
        draw,
        steps=steps,
        progress=lambda step: progress(Progress("Fitting the heads", 0.0, None)),
    )
