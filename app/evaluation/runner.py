"""Runs the chain that the user sees over a set with known alpha, and scores what comes out.

The steps are those of `convert` and of the live window, run by `app.flow.run`; what is judged is
`Cutout.alpha`, uint8 at the frame's own size.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Any

import numpy as np
from typing_extensions import Self

from app.chain import Chain, ChainSettings, OpenEngine, open_chain
from app.errors import UsageError
from app.evaluation import metrics
from app.evaluation.datasets import DEFAULT_RATE, Clip, Pair, Still
from app.evaluation.metrics import Region, Scores
from app.evaluation.report import ItemReport, Judgement, Report, Specimen
from app.flow import run
from app.frames import Alpha, Alpha8, Frame
from app.modnet.preprocess import AUTO, MULTIPLE, NetworkSize
from app.weights import store

PPM100_SHORT_SIDE = 512
RVM_BOX = (512, 288)

Progress = Callable[[int, "int | None"], None]


class Protocol(str, enum.Enum):
    """How the network's size is chosen. The metrics are always taken at the picture's own size.

    NATIVE: as the settings say, which is what a user gets.
    PPM100: for pictures; the short side becomes 512 (MODNet's repository, issue 80, and its
        inference script) and alpha is brought back to the picture's own size before the metrics.
        We differ in one point: the script stretches the long side down to a multiple of 32, here
        the aspect is kept and the rest is padded by repetition. MSE and MAD are plain means.
    RVM: for clips; the network sees 512x288, as in RobustVideoMatting's evaluation. Its low
        resolution set is 512x288 itself; for its HD set its authors bring MODNet's matte up with a
        guided filter, here with whatever the chain does. We average dtSSD over pairs of frames
        (its script counts a 0 for the first frame), take Conn at HD as well, and average over
        clips rather than over all frames.
    """

    NATIVE = "native"
    PPM100 = "ppm100"
    RVM = "rvm"


@dataclass(frozen=True)
class Conditions:
    """What surrounds the chain.

    max_frames: of each clip at most so many, from its beginning.
    simulate_fps: only frames that a live run at this rate would take go through the chain; for
        the others the last result is held, which is what a viewer would see.
    rate: frames a second of clips that are folders of pictures.
    baseline: plain MODNet (released weights, no temporal filter, no refinement) as well.
    with_engine: opens the engine; None is the chain's own way.
    """

    protocol: Protocol = Protocol.NATIVE
    max_frames: int | None = None
    simulate_fps: float | None = None
    rate: Fraction = DEFAULT_RATE
    baseline: bool = False
    with_engine: OpenEngine | None = None


def plain(settings: ChainSettings) -> ChainSettings:
    """MODNet as it comes, on the same engine and at the same network size."""
    return ChainSettings(
        weights=store.PLAIN,
        engine=settings.engine,
        device=settings.device,
        # The 8-bit form is one of the things that it is compared with.
        precision="auto" if settings.precision == "int8" else settings.precision,
        size=settings.size,
        in_flight=settings.in_flight,
        compile=settings.compile,
        norms="exact",
        temporal="off",
        refine=False,
        mirror=settings.mirror,
        background=settings.background,
    )


def evaluate_stills(
    stills: Sequence[Still],
    settings: ChainSettings,
    conditions: Conditions,
    *,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Scores every picture. Raises MattecamError; `progress` counts pictures."""
    if conditions.protocol is Protocol.RVM:
        raise UsageError("The protocol rvm is for clips; pictures take ppm100 or native.")
    settings = replace(_checked(settings, conditions), background="transparent", one_scene=False)
    items = []
    with _Bench(settings, conditions) as bench:
        progress(0, len(stills))
        for done, still in enumerate(stills, 1):
            items.append(bench.judge(still.name, [still.pair()], moving=False))
            progress(done, len(stills))
        return bench.report("images", items)


def evaluate_clips(
    clips: Sequence[Clip],
    settings: ChainSettings,
    conditions: Conditions,
    *,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Scores every clip. Raises MattecamError; `progress` counts frames over all clips."""
    if conditions.protocol is Protocol.PPM100:
        raise UsageError("The protocol ppm100 is for pictures; clips take rvm or native.")
    settings = replace(_checked(settings, conditions), background="transparent")
    total = _total_frames(clips, conditions.max_frames)
    done = 0

    def counted(pairs: Iterable[Pair]) -> Iterator[Pair]:
        nonlocal done
        for pair in pairs:
            yield pair
            done += 1
            progress(done, total)

    items = []
    with _Bench(settings, conditions) as bench:
        progress(0, total)
        for clip in clips:
            pairs = clip.pairs(limit=conditions.max_frames, rate=conditions.rate)
            items.append(bench.judge(clip.name, counted(pairs), moving=True))
        return bench.report("video", items)


def _checked(settings: ChainSettings, conditions: Conditions) -> ChainSettings:
    """The settings with the protocol's size, where it names one for all."""
    if conditions.protocol is not Protocol.NATIVE and settings.size != AUTO:
        raise UsageError(
            f"The protocol {conditions.protocol.value} sets the network's size; leave --size out."
        )
    fps = conditions.simulate_fps
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise UsageError("--simulate-fps must be above 0.")
    if conditions.protocol is Protocol.RVM:
        return replace(settings, size=NetworkSize(RVM_BOX))
    return settings


def _total_frames(clips: Sequence[Clip], limit: int | None) -> int | None:
    total = 0
    for clip in clips:
        count = clip.frame_count
        if count is None:
            return None
        total += count if limit is None else min(count, limit)
    return total


def ppm100_size(frame_size: tuple[int, int]) -> NetworkSize:
    """The box whose short side is 512 and whose long side takes a picture of `frame_size`."""
    scale = PPM100_SHORT_SIDE / min(frame_size)
    width, height = (math.ceil(round(side * scale) / MULTIPLE) * MULTIPLE for side in frame_size)
    return NetworkSize((width, height))


class _Bench:
    """The chain in question and, if asked for, the plain one, open; scores one item at a time."""

    def __init__(self, settings: ChainSettings, conditions: Conditions) -> None:
        self._conditions = conditions
        opening = conditions.with_engine
        self._ours = _OpenChain(settings, opening)
        self._plain = _OpenChain(plain(settings), opening) if conditions.baseline else None
        self._first_size: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with ExitStack() as stack:
            for chain in (self._ours, self._plain):
                if chain is not None:
                    stack.callback(chain.close)

    def judge(self, name: str, pairs: Iterable[Pair], *, moving: bool) -> ItemReport:
        pairs = iter(pairs)
        first = next(pairs)  # a set's item has at least one pair
        pairs = itertools.chain([first], pairs)
        size = first.frame.size
        self._first_size = self._first_size or size
        network_size = None
        if self._conditions.protocol is Protocol.PPM100:
            network_size = ppm100_size(size)
        ours = self._ours.at(network_size)
        score = _Score(moving=moving)
        if self._plain is None:
            for judged in self._through(pairs, ours):
                score.add(judged)
            baseline = None
        else:
            # Both walk through the pairs side by side, so that each is read only once.
            left, right = itertools.tee(pairs)
            other = _Score(moving=moving)
            plain_chain = self._plain.at(network_size)
            both = zip(self._through(left, ours), self._through(right, plain_chain), strict=True)
            for judged, plainly in both:
                score.add(judged)
                other.add(plainly)
            baseline = other.judgement()
        return ItemReport(
            name=name,
            frames=score.frames,
            size=f"{size[0]}x{size[1]}",
            network_size=str(ours.grid(size)),
            ours=score.judgement(),
            baseline=baseline,
            dropped=score.held,
        )

    def report(self, kind: Any, items: Sequence[ItemReport]) -> Report:
        size = self._first_size or (1, 1)
        conditions = self._conditions
        described = {
            **self._ours.current.describe(size),
            "protocol": conditions.protocol.value,
            "max_frames": conditions.max_frames,
            "simulate_fps": conditions.simulate_fps,
        }
        plainly = self._plain.current.describe(size) if self._plain is not None else None
        return Report(kind, items, described, plainly)

    def _through(self, pairs: Iterable[Pair], chain: Chain) -> Iterator[Judged]:
        return results(pairs, chain, simulate_fps=self._conditions.simulate_fps)


class _OpenChain:
    """One chain that is opened when it is first needed, and again when the size changes."""

    def __init__(self, settings: ChainSettings, with_engine: OpenEngine | None) -> None:
        self._settings = settings
        self._with_engine = with_engine
        self._stack = ExitStack()
        self._chain: Chain | None = None

    @property
    def current(self) -> Chain:
        return self.at(None)

    def at(self, size: NetworkSize | None) -> Chain:
        """The chain at this network size; None keeps the one that is open."""
        if self._chain is None or (size is not None and self._chain.settings.size != size):
            self.close()
            settings = self._settings if size is None else replace(self._settings, size=size)
            self._chain = self._stack.enter_context(
                open_chain(settings, with_engine=self._with_engine)
            )
        return self._chain

    def close(self) -> None:
        self._chain = None
        self._stack.close()


@dataclass(frozen=True)
class Judged:
    """A frame with its true alpha and the alpha that a viewer gets at its time.

    held: the frame was dropped, the alpha is that of an earlier one.
    """

    pair: Pair
    alpha: Alpha8
    held: bool = False


def results(
    pairs: Iterable[Pair], chain: Chain, *, simulate_fps: float | None = None
) -> Iterator[Judged]:
    """Every pair, in order, with what the chain makes of it. Starts from a chain that is reset."""
    for step in chain.steps:
        step.reset()
    waiting: deque[tuple[Pair, bool]] = deque()  # the pair, and whether the chain takes it

    def taken() -> Iterator[Frame]:
        slot = -1
        for pair in pairs:
            now = _slot(pair.frame.captured_at, simulate_fps) if simulate_fps else slot + 1
            takes = now > slot
            waiting.append((pair, takes))
            if takes:
                slot = now
                yield pair.frame

    def dropped() -> Iterator[Judged]:
        """The frames before the next one that was taken."""
        while waiting and not waiting[0][1]:
            assert alpha is not None  # the first frame is always taken
            yield Judged(waiting.popleft()[0], alpha, held=True)

    alpha: Alpha8 | None = None
    for composite in run(taken(), chain.steps):
        yield from dropped()
        alpha = composite.cutout.alpha
        if chain.settings.mirror:
            alpha = np.ascontiguousarray(alpha[:, ::-1])
        pair, _ = waiting.popleft()
        if composite.cutout.frame.index != pair.frame.index:
            raise RuntimeError("the steps lost or reordered a frame")
        yield Judged(pair, alpha)
    yield from dropped()
    if waiting:
        raise RuntimeError("the steps kept a frame")


def _slot(seconds: float, fps: float) -> int:
    """A run at `fps` takes one frame in each slot of 1/fps; the grain is for rounded times."""
    return math.floor(seconds * fps + 1e-3)


class _Score:
    """Takes the frames of one item in order and adds up its scores. Holds three frames."""

    def __init__(self, *, moving: bool) -> None:
        self.frames = 0
        self.held = 0
        self._moving = moving
        self._recent: deque[tuple[Alpha, Alpha, Region]] = deque(maxlen=3)
        self._scores: list[Scores] = []
        self._specimen: Specimen | None = None

    def add(self, judged: Judged) -> None:
        truth = metrics.from_uint8(judged.pair.truth)
        alpha = metrics.from_uint8(judged.alpha)
        band = metrics.unknown_band(truth)
        scores = metrics.still_scores(alpha, truth, band)
        mad = scores["mad"] or 0.0
        if self._recent and self._recent[-1][0].shape != alpha.shape:
            self._recent.clear()  # another size: no neighbours in time
        self._recent.append((alpha, truth, band))
        self._scores.append(scores)
        if self._moving:
            scores |= self._motion()
        self.frames += 1
        self.held += judged.held
        if self._specimen is None or mad > self._specimen.mad:
            frame = judged.pair.frame
            self._specimen = Specimen.of(
                frame.rgb, judged.pair.truth, judged.alpha, index=frame.index, mad=mad
            )

    def _motion(self) -> Scores:
        """The newest frame's dtSSD; the flicker of the one before it goes to that one's scores."""
        whole_and_band = ("", metrics.BAND)
        names = [name + suffix for name in metrics.MOTION_METRICS for suffix in whole_and_band]
        scores: Scores = dict.fromkeys(names)
        recent = list(self._recent)
        if len(recent) >= 2:
            (before, true_before, band_before), (now, true_now, band_now) = recent[-2:]
            for suffix, region in (("", None), (metrics.BAND, band_before | band_now)):
                scores[f"dtssd{suffix}"] = metrics.dtssd(before, now, true_before, true_now, region)
        if len(recent) == 3:
            first, second, third = recent
            alphas = first[0], second[0], third[0]
            truths = first[1], second[1], third[1]
            around = first[2] | second[2] | third[2]
            # The middle frame can only be judged now.
            middle = self._scores[-2]
            for suffix, region in (("", None), (metrics.BAND, around)):
                middle[f"flicker{suffix}"] = metrics.flicker(alphas, region)
                middle[f"excess_flicker{suffix}"] = metrics.excess_flicker(alphas, truths, region)
        return scores

    def judgement(self) -> Judgement:
        if self._specimen is None:
            raise RuntimeError("nothing was added")
        series: dict[str, list[float | None]] = {}
        if self._moving:
            series = {name: [one[name] for one in self._scores] for name in self._scores[0]}
        return Judgement(metrics.mean_scores(self._scores), self._specimen, series)
