"""The network's size follows what the machine can do, and no picture is worked on for nothing."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from app.chain import ChainSettings
from app.engines.base import Engine
from app.engines.null import NullEngine
from app.frames import Frame, Matte
from app.modnet.preprocess import NetworkSize, grid_for
from app.pace import controller, pace
from app.pace.quality import Quality
from app.refine.refine import enlarge
from app.stages.matting import MattingWork, Shot
from app.stats import Stats
from app.subject.size_policy import Rung, SizePolicy

LONG = 120.0

MakeRig = Callable[..., Any]


# ---- the size ------------------------------------------------------------------------------------


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller decides within a second."""
    monkeypatch.setattr(controller, "_TOO_SLOW_FOR", 0.4)
    monkeypatch.setattr(pace, "_GRACE", 0.0)


@pytest.fixture
def slow_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The null engine, as slow as the network's input is large; and the sizes that were opened."""
    opened: list[str] = []
    submit, enter = NullEngine.submit, NullEngine.__enter__
    release = threading.Event()

    def slowly(self: NullEngine, frame: Frame) -> None:
        width, height = grid_for(frame.size, self.settings.size).padded
        release.wait(width * height * 4e-7)  # 60 ms at 512x288
        submit(self, frame)

    def entered(self: NullEngine) -> NullEngine:
        opened.append(str(self.settings.size))
        return enter(self)

    monkeypatch.setattr(NullEngine, "submit", slowly)
    monkeypatch.setattr(NullEngine, "__enter__", entered)
    yield opened
    release.set()


def test_a_network_that_is_too_slow_gives_way_to_a_smaller_one(
    make_rig: MakeRig, slow_network: list[str], hasty: None
) -> None:
    rig = make_rig(quality="30fps")
    rig.source.interval = 0.01
    rig.start()
    assert rig.heard.wait_for(lambda _: len(slow_network) >= 2 and slow_network[-1] != "auto")
    rig.see_next_composite()
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.network_size != "512x288")
    assert rig.heard.failures == []


def test_who_wants_the_best_matte_keeps_the_size(
    make_rig: MakeRig, slow_network: list[str], hasty: None
) -> None:
    rig = make_rig(quality="best")
    rig.source.interval = 0.01
    rig.start()
    rig.see_composite()
    assert rig.heard.wait_for(lambda heard: len(heard.snapshots) >= 3)
    assert slow_network == ["auto"]


def test_changing_the_wish_begins_at_the_finest_size_again(
    make_rig: MakeRig, slow_network: list[str], hasty: None
) -> None:
    rig = make_rig(quality="30fps")
    rig.source.interval = 0.01
    rig.start()
    assert rig.heard.wait_for(lambda _: len(slow_network) >= 2)
    rig.see_composite()
    rig.pipeline.apply(rig.pipeline.settings.but(quality="best"))
    assert rig.heard.wait_for(lambda _: slow_network[-1] == "auto" and len(slow_network) >= 3)


def test_the_size_follows_the_subject_and_comes_back_when_it_need_not(
    make_rig: MakeRig, slow_network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The null engine's person fills a quarter of the picture.
    monkeypatch.setattr(
        "app.live_matting.SizePolicy", lambda: SizePolicy((Rung(0, 1), Rung(0.1, 0.5)))
    )
    rig = make_rig(quality="best", size_follows_subject=True)
    rig.source.interval = 0.01
    rig.start()
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.size_for_subject)
    assert slow_network == ["auto", "256x128"]
    assert rig.pipeline.info.network_size == "256x128"
    rig.see_next_composite()
    rig.pipeline.apply(rig.pipeline.settings.but(size_follows_subject=False))
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.network_size == "512x288")
    assert not rig.pipeline.info.size_for_subject
    assert slow_network == ["auto", "256x128", "auto"]
    assert rig.heard.failures == []


def test_a_stage_that_follows_at_another_size_goes_on_without_a_jump(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def disagreeing(self: NullEngine, frame: Frame) -> None:
        width, height = grid_for(frame.size, self.settings.size).content
        edge = 0.5 if height > 200 else 0.55
        row = np.clip((edge - np.linspace(0, 1, width)) * 50 + 0.5, 0, 1).astype(np.float32)
        self._ready.append(Matte(frame, np.tile(row, (height, 1))))

    monkeypatch.setattr(NullEngine, "submit", disagreeing)
    picture = np.full((360, 640, 3), 90, np.uint8)
    first = Mattes(skip_unchanged=False, size="512x288")
    second = Mattes(skip_unchanged=False, size="160x96")
    for index in range(3):
        first.put(picture, index / 30)
    second.work.follow(first.work.pass_on())
    for index in range(3, 24):
        second.put(picture, index / 30)
    shown = [enlarge(matte.alpha, (640, 360)) for matte in (*first.given, *second.given)]
    apart = np.abs(shown[-1].astype(int) - shown[0]).max()
    assert apart > 200  # the two networks do not agree about the edge
    steps = [np.abs(b.astype(int) - a).max() for a, b in itertools.pairwise(shown)]
    assert max(steps) < apart / 10
    assert steps[-1] == 0


def test_a_network_of_another_size_is_told_of_the_last_matte(
    make_rig: MakeRig, stamp_engines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: queue.Queue[tuple[Any, ...]] = queue.Queue()
    monkeypatch.setattr(Engine, "go_on", lambda _, *args, at: told.put(args))
    rig = make_rig(temporal="off")
    rig.source.interval = 0.003
    rig.start()
    rig.see_next_composite()
    assert told.empty()
    rig.pipeline.apply(rig.pipeline.settings.but(size="320x192"))
    alpha, frame_size = told.get(timeout=LONG)
    assert alpha.dtype == np.float32
    assert alpha.ndim == 2
    assert frame_size == rig.source.size


@pytest.mark.parametrize("temporal", ["off", "ofd"])
def test_picture_and_matte_belong_together_over_a_change_of_size(
    make_rig: MakeRig, stamp_engines: Any, temporal: str
) -> None:
    rig = make_rig(temporal=temporal)
    rig.source.interval = 0.003
    rig.start()
    for size in ("320x192", "384x224", "320x192"):
        rig.see_next_composite()
        rig.pipeline.apply(rig.pipeline.settings.but(size=size))
    rig.see(lambda picture: rig.stamps(picture)[0] >= 60 and not (picture[0, 0] == 38).any())
    pairs = [rig.stamps(picture) for picture in rig.composites()]
    assert all(picture == matte for picture, matte in pairs)
    assert [number for number, _ in pairs] == sorted(number for number, _ in pairs)


# ---- what a matting stage does with what it gets; in this thread ---------------------------------


class Mattes:
    """A matting stage without a thread, and what it gave."""

    def __init__(
        self,
        *,
        temporal: str = "off",
        skip_unchanged: bool = True,
        size: str = "96x64",
        trial: bool = False,
        former: np.ndarray | None = None,
    ) -> None:
        self.given: list[Any] = []
        self.stats = Stats()
        self.work = MattingWork(
            ChainSettings(engine="null", temporal=temporal, size=NetworkSize.parse(size)),
            wake=lambda: None,
            frame_size=lambda: None if former is None else (160, 90),
            former=lambda: former,
            on_open=lambda _: None,
            emit=self.given.append,
            stats=self.stats,
            skip_unchanged=skip_unchanged,
            trial=trial,
        )
        self.work.open()

    def put(self, rgb: np.ndarray, at: float, *, stretch: int = 0) -> None:
        self.work.handle(Shot(Frame(rgb, round(at * 30), at), stretch))
        self.work.tick()


def still() -> np.ndarray:
    return np.full((90, 160, 3), 90, np.uint8)


def moved(step: int) -> np.ndarray:
    picture = still()
    picture[20:60, 4 * step : 4 * step + 20] = 200
    return picture


def test_a_clip_that_stands_still_and_then_moves_costs_the_network_only_what_moves() -> None:
    mattes = Mattes()
    for index in range(60):
        mattes.put(still() if index < 30 else moved(index - 30), index / 30)
    whole = mattes.stats.whole()
    assert len(mattes.given) == 60
    assert [matte.frame.index for matte in mattes.given] == list(range(60))
    worked = 60 - round(whole.fps_reused and mattes.stats._reused.count)
    # Every moving picture, and of the still ones about four a second.
    assert 30 < worked <= 30 + 6


def test_reused_mattes_are_paired_with_their_own_pictures() -> None:
    mattes = Mattes(temporal="ofd")
    for index in range(10):
        mattes.put(still(), index / 30)
    assert [matte.frame.index for matte in mattes.given] == list(range(9))


def test_after_a_gap_no_matte_from_before_is_used() -> None:
    mattes = Mattes()
    mattes.put(still(), 0.0)
    mattes.put(still(), 0.03)
    mattes.put(still(), 0.06, stretch=1)
    assert mattes.stats._reused.count == 1


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Each time that the null engine was told to forget, whether it kept time."""
    told: list[bool] = []
    monkeypatch.setattr(NullEngine, "forget", lambda self: told.append(self.keeps_time))
    return told


def test_a_gap_makes_the_engine_forget_the_scene(forgotten: list[bool]) -> None:
    mattes = Mattes()
    for at, stretch in ((0.0, 0), (0.03, 0), (0.06, 1), (0.09, 1)):
        mattes.put(moved(round(at * 30)), at, stretch=stretch)
    assert len(forgotten) == 2  # at the beginning, and at the gap


def test_a_trial_is_forgotten_and_nobody_waits_for_what_it_might_have_made(
    forgotten: list[bool],
) -> None:
    Mattes(trial=True)
    assert forgotten == [True]


def test_the_next_engine_is_told_where_the_one_before_was(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(NullEngine, "go_on", lambda _, *args, at: told.append(args))
    Mattes()
    assert told == []
    last = np.ones((9, 16), np.float32)
    Mattes(former=last)
    assert len(told) == 1
    assert told[0] == (last, (160, 90))


def test_unchanged_pictures_may_be_worked_on_all_the_same() -> None:
    mattes = Mattes(skip_unchanged=False)
    for index in range(5):
        mattes.put(still(), index / 30)
    assert mattes.stats._reused.count == 0


def test_what_is_passed_on_goes_on_where_it_was() -> None:
    first, second = Mattes(temporal="ofd"), Mattes(temporal="ofd")
    for index in range(3):
        first.put(moved(index), index / 30)
    second.work.follow(first.work.pass_on())
    first.put(moved(3), 3 / 30)  # comes too late for the first
    first.work.finish()
    second.put(moved(3), 3 / 30)
    given = [matte.frame.index for matte in (*first.given, *second.given)]
    assert given == [0, 1, 2]


def test_another_filter_does_not_take_over_the_past() -> None:
    first, second = Mattes(temporal="ofd"), Mattes(temporal="off")
    first.put(moved(0), 0.0)
    second.work.follow(first.work.pass_on())
    second.put(moved(1), 1 / 30)
    assert [matte.frame.index for matte in second.given] == [1]


def test_quality_is_a_word_in_the_settings(make_rig: MakeRig) -> None:
    assert make_rig().pipeline.settings.quality is Quality.BEST
