"""Adapt to me: learning from the user's own frames without alpha, kept only where it helped."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from app.errors import InputError
from app.frames import RGB, Alpha
from app.modnet.network import MODNet
from app.modnet.preprocess import AUTO
from app.training import data, guard, heads, objectives, running_mean
from app.training.data import Frames, Sample, as_tensor, normalised, size_like
from app.training.guard import Guard, Signs
from app.training.soc import SOC
from app.training.views import agreed

# Fewer say too little of how the person moves.
LEAST_FRAMES = 16
_HELD_OUT = 0.25
_LEAST_HELD_OUT, _MOST_HELD_OUT = 6, 16
# Frames that the network looks at several times before it begins; more say the same again.
_TAUGHT = 32
# How many times the way is looked at: it does not get better step by step.
_LOOKS = 12
# And how much of the time that is left this may take.
_LOOKS_TIME = 0.5
TOO_SHORT = "The time was up before enough was learned to be judged."
# The looks at the frames: of the work, for the progress, and of the time at most.
_LOOKING, _LOOKING_TIME = 0.15, 0.3
# Steps whose time tells how many there can be.
_TIMED = 3
# More did not help; after fewer than the least the mean has seen too little to be judged.
MOST_STEPS, _LEAST_STEPS = 180, 18
_RATE = 2e-5
# What is judged and kept is a running mean of the weights, with this much of the old at each step:
# single steps swing between two answers.
_MEAN = 0.97
# What the steps do, over and over: learn what several looks agree on, and what is to be kept. SOC
# is left out unless it is asked for: with a better teacher at hand it leads astray (docs/adapt.md).
_ROUND = ("agreed", "agreed", "agreed", "kept")
_WITH_SOC = ("agreed", "soc", "agreed", "kept")
# The network's input while learning: about so many pixels, and that much less and more.
_AREA, _SIZES = 384 * 224, (0.8, 1.9)


@dataclass(frozen=True)
class Progress:
    """share: of the work, from 0 to 1; seconds_left: an estimate, None where nothing is known."""

    what: str
    share: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class Outcome:
    """kept: whether `network` is the adapted one. reason: one sentence, either way.

    before, after: None where the time was up before anything was judged. held_out: the frames, in a
    row, that it was judged on.
    """

    kept: bool
    reason: str
    before: Signs | None
    after: Signs | None
    steps: int
    seconds: float
    network: MODNet
    held_out: Sequence[RGB]

    def as_json(self) -> dict[str, Any]:
        return {
            "kept": self.kept,
            "reason": self.reason,
            "before": None if self.before is None else _signs(self.before),
            "after": None if self.after is None else _signs(self.after),
            "seconds": round(self.seconds, 1),
        }


def _signs(signs: Signs) -> dict[str, float]:
    return {"l_cons": round(signs.l_cons, 5), "flicker": round(signs.flicker, 4)}


class _TimeIsUp(Exception):
    pass


def adapt(
    network: MODNet,
    frames: Sequence[RGB],
    others: Sequence[RGB],
    *,
    minutes: float,
    missing_heads: bool,
    soc: bool = False,
    seed: int = 0,
    temporal: str = "steady",
    progress: Callable[[Progress], None] = lambda done: None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Adapts a copy of `network` to `frames`, uint8 RGB (H, W, 3) in the order they were taken.

    others: pictures of other people, which the matte must not change on. minutes: about how long
    it may take in all; as many steps are taken, and as many looks at them, as fit. Where the time
    is up too early for either, nothing is kept, and `reason` says so. soc: whether a quarter of the
    steps is SOC. It runs where `network` lies. Raises InputError for too few frames, for frames
    without a person, and TrainingDiverged where the first steps already fail.
    """
    began = clock()
    ends = began + 60 * minutes

    def in_time(done: Progress) -> None:
        progress(done)
        if clock() > ends:
            raise _TimeIsUp

    before: Signs | None = None
    if len(frames) < LEAST_FRAMES:
        raise InputError(
            f"There are {len(frames)} frames; adapting needs {LEAST_FRAMES} or more, some seconds "
            "of one person."
        )
    if len({rgb.shape for rgb in frames}) > 1:
        raise InputError("The frames differ in size; take them from one clip.")
    held = max(_LEAST_HELD_OUT, min(_MOST_HELD_OUT, int(len(frames) * _HELD_OUT)))
    learning, held_out = frames[:-held], frames[-held:]
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = copy.deepcopy(network)
    watch = Guard(held_out, others, AUTO, temporal)
    # Of the looks at the frames a fifth or more is at those that were held out.
    judged = _LOOKING / 5
    try:
        if missing_heads:
            _fit_heads(network, learning, rng, in_time)
        watch.remember(network, lambda share: in_time(Progress("Looking", judged * share)))
        looked = clock()
        before = watch.look(network)
        look_cost = clock() - looked
        if guard.nobody(before):
            raise InputError("No person can be seen in these frames; there is nothing to adapt to.")
        course = _Course(network, learning, others, rng, soc=soc)
        course.look(
            until=began + 60 * minutes * _LOOKING_TIME,
            clock=clock,
            progress=lambda share: in_time(
                Progress("Looking", judged + (_LOOKING - judged) * share)
            ),
        )
    except _TimeIsUp:
        seconds = clock() - began
        return Outcome(False, TOO_SHORT, before, before, 0, seconds, network, held_out)

    best: tuple[float, MODNet, Signs, int] | None = None
    said, last = "It did not become calmer or surer.", before
    # Storing the result takes about as long as one look.
    ends -= look_cost
    try:
        started = clock()
        for _ in range(_TIMED):
            course.step()
        step_cost = max(clock() - started, 1e-6) / _TIMED
        time_left = ends - clock()
        looks = max(1, min(_LOOKS, int(_LOOKS_TIME * time_left / max(look_cost, 1e-6))))
        planned = min(MOST_STEPS, int((time_left - looks * look_cost) / step_cost))
        if planned < _LEAST_STEPS:
            said, looks = TOO_SHORT, 0
        for look in range(1, looks + 1):
            while course.steps < planned * look // looks and clock() < ends - look_cost:
                course.step()
                left = (planned - course.steps) * step_cost + (looks - look + 1) * look_cost
                share = _LOOKING + (1 - _LOOKING) * course.steps / planned
                progress(Progress("Adapting", share, left))
            if course.steps < _LEAST_STEPS:
                said = TOO_SHORT
                continue
            last = watch.look(course.mean)
            objection = guard.objection(before, last)
            if objection is not None:
                said = objection
            elif best is None or guard.merit(before, last) > best[0]:
                merit = guard.merit(before, last)
                best = merit, copy.deepcopy(course.mean), last, course.steps
            if clock() >= ends - look_cost:
                break
    except objectives.TrainingDiverged as error:
        said = str(error)
    seconds = clock() - began
    if best is None:
        return Outcome(False, said, before, last, course.steps, seconds, network, held_out)
    _, adapted, after, steps = best
    reason = f"It is calmer and surer on frames it has not learned from, after {steps} steps."
    return Outcome(True, reason, before, after, steps, seconds, adapted, held_out)


class _Course:
    """The steps of one adaptation. mean: the running mean of what they made of the network."""

    def __init__(
        self,
        network: MODNet,
        frames: Sequence[RGB],
        others: Sequence[RGB],
        rng: np.random.Generator,
        *,
        soc: bool,
    ) -> None:
        self._teacher = network
        self._kinds = _WITH_SOC if soc else _ROUND
        self._frames = frames
        self._others = others
        self._rng = rng
        self._soc = SOC(copy.deepcopy(network), rate=_RATE)
        self.mean = copy.deepcopy(network).eval().requires_grad_(False)
        self._taught: list[tuple[RGB, Alpha]] = []

    @property
    def steps(self) -> int:
        return self._soc.steps

    def look(
        self, *, until: float, clock: Callable[[], float], progress: Callable[[float], None]
    ) -> None:
        """What the network's looks agree on, for some of the frames, and at least for one.

        In an order that has them from all over the clip whenever the time is up.
        """
        count = min(_TAUGHT, len(self._frames))
        spread = np.linspace(0, len(self._frames) - 1, count).astype(int)
        for done, index in enumerate(self._rng.permutation(spread)):
            rgb = self._frames[index]
            self._taught.append((rgb, agreed(self._teacher, rgb)))
            progress((done + 1) / count)
            if clock() > until:
                break

    def step(self) -> None:
        kind = self._kinds[self.steps % len(self._kinds)]
        if kind == "kept" and not self._others:
            kind = "agreed"
        if kind == "agreed":
            self._soc.learn(self._sample())
        elif kind == "kept":
            rgb = self._others[int(self._rng.integers(len(self._others)))]
            self._soc.remember(self._teacher, self._seen(rgb))
        else:
            self._soc.step(self._seen(Frames([self._frames]).draw_rgb(self._rng)))
        running_mean.update(self.mean, self._soc.network, keep=_MEAN, step=self.steps)

    def _sample(self) -> Sample:
        rgb, alpha = self._taught[int(self._rng.integers(len(self._taught)))]
        if self._rng.random() < 0.5:
            rgb, alpha = np.ascontiguousarray(rgb[:, ::-1]), np.ascontiguousarray(alpha[:, ::-1])
        # At several sizes, so that it comes to the same answer at each.
        size = size_like(rgb, round(_AREA * self._rng.uniform(*_SIZES)))
        fitted = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
        device = self._teacher.device
        return Sample(as_tensor(rgb, size, device), torch.from_numpy(fitted)[None, None].to(device))

    def _seen(self, rgb: RGB) -> torch.Tensor:
        return as_tensor(rgb, size_like(rgb, _AREA), self._teacher.device)


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
