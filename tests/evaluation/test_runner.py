"""Running the chain over a set: every frame is judged against its own truth."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.chain import Chain, ChainSettings, OpenEngine, open_chain
from app.engines.base import EngineInfo
from app.errors import InputError, UsageError
from app.evaluation import runner
from app.evaluation.datasets import FrameClip, Pair, Still, find_clips, find_stills
from app.evaluation.runner import (
    Conditions,
    Protocol,
    evaluate_clips,
    evaluate_stills,
    plain,
    ppm100_size,
    results,
)
from app.frames import Alpha8, Composite, Cutout, Frame
from app.modnet.preprocess import NetworkSize, grid_for
from app.weights import store

SETTINGS = ChainSettings(engine="null", size=NetworkSize((96, 64)))


class Oracle:
    """A whole chain in one step: the picture's red channel is the alpha. Holds some frames."""

    name = "oracle"

    def __init__(self, holds: int = 0) -> None:
        self._holds = holds
        self._held: list[Frame] = []
        self.seen: list[int] = []

    def push(self, item: Frame) -> Iterable[Composite]:
        self.seen.append(item.index)
        self._held.append(item)
        ready = [self._held.pop(0)] if len(self._held) > self._holds else []
        return [self._cut(frame) for frame in ready]

    def flush(self) -> Iterable[Composite]:
        held, self._held = self._held, []
        return [self._cut(frame) for frame in held]

    def reset(self) -> None:
        self._held = []

    @staticmethod
    def _cut(frame: Frame) -> Composite:
        alpha = np.ascontiguousarray(frame.rgb[..., 0])
        return Composite(Cutout(frame, alpha, frame.rgb), None)


def oracle_chain(step: Oracle, settings: ChainSettings = SETTINGS) -> Chain:
    info = EngineInfo("oracle", "none", "none", "uint8")
    return Chain((step,), info, "none", settings, 0)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chain that the runner opens says what the picture's red channel says."""

    @contextmanager
    def opened(settings: ChainSettings, *, with_engine: OpenEngine | None) -> Iterator[Chain]:
        yield oracle_chain(Oracle(holds=2), settings)

    monkeypatch.setattr(runner, "open_chain", opened)


def pair(red: Alpha8, truth: Alpha8, index: int, *, rate: float = 25.0) -> Pair:
    rgb = np.zeros((*red.shape, 3), np.uint8)
    rgb[..., 0] = red
    return Pair(Frame(rgb, index, index / rate), truth)


def numbered(count: int, *, rate: float = 25.0) -> list[Pair]:
    """Frame i has alpha i everywhere, and so has its truth."""
    return [
        pair(np.full((4, 6), i, np.uint8), np.full((4, 6), i, np.uint8), i, rate=rate)
        for i in range(count)
    ]


def write_clip(folder: Path, reds: list[Alpha8], truths: list[Alpha8]) -> FrameClip:
    for name in ("com", "pha"):
        (folder / name).mkdir(parents=True)
    for index, (red, truth) in enumerate(zip(reds, truths, strict=True)):
        rgb = np.zeros((*red.shape, 3), np.uint8)
        rgb[..., 0] = red
        Image.fromarray(rgb).save(folder / "com" / f"{index:03d}.png")
        Image.fromarray(truth).save(folder / "pha" / f"{index:03d}.png")
    (clip,) = find_clips(folder)
    assert isinstance(clip, FrameClip)
    return clip


@pytest.mark.parametrize("holds", [0, 1, 5, 100])
def test_each_frame_meets_its_own_truth_however_many_the_steps_hold(holds: int) -> None:
    judged = list(results(numbered(9), oracle_chain(Oracle(holds))))
    assert [one.pair.frame.index for one in judged] == list(range(9))
    assert all(np.array_equal(one.alpha, one.pair.truth) for one in judged)
    assert not any(one.held for one in judged)


@pytest.mark.parametrize("temporal", ["off", "ofd"])
def test_the_real_steps_give_an_alpha_of_each_frames_own_size(temporal: str) -> None:
    pairs = [
        pair(np.zeros((h, w), np.uint8), np.zeros((h, w), np.uint8), i)
        for i, (w, h) in enumerate([(48, 32), (48, 32), (32, 48), (1, 9), (48, 32)])
    ]
    settings = ChainSettings(
        engine="null", size=NetworkSize((96, 64)), temporal=temporal, background="transparent"
    )
    with open_chain(settings) as chain:
        for _ in range(2):  # a chain serves one clip after the other
            judged = list(results(pairs, chain))
            assert [one.pair for one in judged] == pairs
            assert all(one.alpha.shape == one.pair.truth.shape for one in judged)


@pytest.mark.parametrize("holds", [0, 2])
def test_a_slow_run_holds_the_last_result_over_the_frames_it_drops(holds: int) -> None:
    step = Oracle(holds)
    judged = list(results(numbered(10, rate=30), oracle_chain(step), simulate_fps=10))
    assert step.seen == [0, 3, 6, 9]
    assert [int(one.alpha[0, 0]) for one in judged] == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9]
    assert [one.held for one in judged] == [False, True, True] * 3 + [False]
    assert [one.pair.frame.index for one in judged] == list(range(10))


@pytest.mark.parametrize(
    ("rate", "fps", "taken"),
    [(25, 25, 50), (25, 60, 50), (30, 29.97, 50), (30, 15, 25), (29.97, 15, 26), (25, 20, 40)],
)
def test_no_frame_is_dropped_that_a_live_run_would_take(
    rate: float, fps: float, taken: int
) -> None:
    step = Oracle()
    judged = list(results(numbered(50, rate=rate), oracle_chain(step), simulate_fps=fps))
    assert len(judged) == 50
    assert abs(len(step.seen) - taken) <= 1


def test_a_mirrored_result_is_turned_back_to_the_truth(tmp_path: Path) -> None:
    reds = [np.arange(48, dtype=np.uint8).reshape(6, 8) for _ in range(3)]
    mirrored = ChainSettings(engine="null", mirror=True, background="transparent", temporal="off")
    pairs = [pair(red, red, i) for i, red in enumerate(reds)]
    with open_chain(mirrored) as chain:
        flipped = Chain((chain.steps[0], Oracle()), chain.engine, "none", mirrored, 0)
        for judged in results(pairs, flipped):
            assert np.array_equal(judged.alpha, judged.pair.truth)


@pytest.mark.usefixtures("oracle")
def test_the_scores_of_a_clip_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    quiet = np.zeros((10, 10), np.uint8)
    flash = quiet.copy()
    flash[5, 5] = 255
    clip = write_clip(tmp_path, [quiet, flash, quiet, quiet], [quiet] * 4)
    report = evaluate_clips([clip], SETTINGS, Conditions())
    (item,) = report.items
    scores = item.ours.scores
    assert scores["mad"] == pytest.approx(10 / 4)
    assert scores["mse"] == pytest.approx(10 / 4)
    assert scores["sad"] == pytest.approx(0.001 / 4)
    assert scores["dtssd"] == pytest.approx((10 + 10 + 0) / 3)  # three pairs
    assert scores["flicker"] == pytest.approx((10 + 0) / 2)  # two frames with both neighbours
    assert scores["excess_flicker"] == pytest.approx((10 + 0) / 2)
    assert scores["mad_band"] is None  # the truth is empty
    assert item.ours.series["mad"] == pytest.approx([0, 10, 0, 0])
    assert item.ours.series["dtssd"] == [None, pytest.approx(10), pytest.approx(10), 0]
    assert item.ours.series["flicker"] == [None, pytest.approx(10), 0, None]
    assert item.ours.specimen.index == 1


@pytest.mark.usefixtures("oracle")
def test_a_perfect_clip_scores_zero_and_its_motion_is_no_flicker(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    waving = [rng.integers(0, 2, (24, 32), np.uint8) * 255 for _ in range(6)]
    clip = write_clip(tmp_path, waving, waving)
    (item,) = evaluate_clips([clip], SETTINGS, Conditions()).items
    flicker = item.ours.scores.pop("flicker")
    assert flicker is not None
    assert flicker > 100
    item.ours.scores.pop("flicker_band")
    assert all(value == pytest.approx(0, abs=1e-9) for value in item.ours.scores.values())


@pytest.mark.usefixtures("oracle")
@pytest.mark.parametrize(("frames", "unknown"), [(1, {"dtssd", "flicker"}), (2, {"flicker"})])
def test_what_a_short_clip_cannot_tell_is_unknown(
    tmp_path: Path, frames: int, unknown: set[str]
) -> None:
    alphas = [np.full((8, 8), 255, np.uint8)] * frames
    clip = write_clip(tmp_path, alphas, alphas)
    mean = evaluate_clips([clip], SETTINGS, Conditions()).mean
    assert {name for name in ("mad", "dtssd", "flicker") if mean[name] is None} == unknown


def test_at_most_so_many_frames_of_each_clip_are_read_and_counted(tmp_path: Path) -> None:
    alphas = [np.zeros((16, 16), np.uint8)] * 5
    clips = [write_clip(tmp_path / name, alphas, alphas) for name in ("a", "b")]
    said: list[tuple[int, int | None]] = []
    report = evaluate_clips(
        clips,
        SETTINGS,
        Conditions(max_frames=3, baseline=True),
        progress=lambda done, total: said.append((done, total)),
    )
    assert [item.frames for item in report.items] == [3, 3]
    assert said == [(done, 6) for done in range(7)]


def test_dropped_frames_are_counted_in_the_rate_of_the_clip(tmp_path: Path) -> None:
    alphas = [np.zeros((16, 16), np.uint8)] * 10
    clip = write_clip(tmp_path, alphas, alphas)
    for rate, dropped in ((25, 5), (50, 7)):
        conditions = Conditions(simulate_fps=12.5, rate=Fraction(rate))
        (item,) = evaluate_clips([clip], SETTINGS, conditions).items
        assert (item.frames, item.dropped) == (10, dropped)


def test_the_baseline_is_plain_modnet_at_the_same_network_size(tmp_path: Path) -> None:
    asked = ChainSettings(
        weights="my-own", engine="torch", device="cpu", precision="bfloat16",
        size=NetworkSize((512, 288)), temporal="ofd:0.3", refine=True, mirror=True,
    )  # fmt: skip
    assert plain(asked) == ChainSettings(
        weights=store.PLAIN, engine="torch", device="cpu", precision="bfloat16",
        size=NetworkSize((512, 288)), norms="exact", temporal="off", refine=False, mirror=True,
    )  # fmt: skip
    alphas = [np.zeros((16, 16), np.uint8)] * 3
    clip = write_clip(tmp_path, alphas, alphas)
    unrefined = replace(SETTINGS, refine=False)
    report = evaluate_clips([clip], unrefined, Conditions(baseline=True))
    assert report.baseline_settings is not None
    assert report.baseline_settings["temporal"] == "off"
    assert report.settings["temporal"] == "steady"
    # The null engine's ellipse never flickers, so both are alike.
    assert report.ratio["mad"] == report.ratio["dtssd"] == 1
    assert report.baseline_mean == pytest.approx(report.mean)


def write_still(folder: Path, name: str, size: tuple[int, int]) -> None:
    for part, mode in (("image", "RGB"), ("alpha", "L")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        Image.new(mode, size).save(folder / part / f"{name}.png")


@pytest.mark.parametrize(
    ("size", "network"),
    [
        ((512, 512), "512x512"),
        ((800, 1024), "512x672"),
        ((1024, 800), "672x512"),
        ((3000, 1500), "1024x512"),
        ((300, 450), "512x768"),
        ((1000, 1001), "512x544"),
    ],
)
def test_the_protocol_of_ppm100_gives_the_short_side_512_pixels(
    size: tuple[int, int], network: str
) -> None:
    grid = grid_for(size, ppm100_size(size))
    assert min(grid.content) == 512
    assert str(grid) == network
    # The aspect is kept to a pixel.
    assert max(grid.content) == pytest.approx(512 * max(size) / min(size), abs=1)


def test_each_picture_has_its_own_network_size_under_ppm100(tmp_path: Path) -> None:
    for name, size in {"a": (64, 48), "b": (48, 64), "c": (64, 48), "d": (60, 60)}.items():
        write_still(tmp_path, name, size)
    settings = ChainSettings(engine="null")
    conditions = Conditions(protocol=Protocol.PPM100, baseline=True)
    report = evaluate_stills(find_stills(tmp_path), settings, conditions)
    assert [item.network_size for item in report.items] == [
        "704x512",
        "512x704",
        "704x512",
        "512x512",
    ]
    assert report.settings["protocol"] == "ppm100"


def test_the_protocol_of_rvm_shows_the_network_512x288(tmp_path: Path) -> None:
    alphas = [np.zeros((36, 64), np.uint8)]
    clip = write_clip(tmp_path, alphas, alphas)
    conditions = Conditions(protocol=Protocol.RVM)
    report = evaluate_clips([clip], ChainSettings(engine="null"), conditions)
    assert report.items[0].network_size == "512x288"


def test_a_protocol_is_refused_where_it_makes_no_sense(tmp_path: Path) -> None:
    alphas = [np.zeros((8, 8), np.uint8)]
    clip = write_clip(tmp_path / "clip", alphas, alphas)
    write_still(tmp_path, "a", (8, 8))
    stills = find_stills(tmp_path)
    free = ChainSettings(engine="null")
    with pytest.raises(UsageError, match="for pictures"):
        evaluate_clips([clip], free, Conditions(protocol=Protocol.PPM100))
    with pytest.raises(UsageError, match="for clips"):
        evaluate_stills(stills, free, Conditions(protocol=Protocol.RVM))
    with pytest.raises(UsageError, match="leave --size out"):
        evaluate_stills(stills, SETTINGS, Conditions(protocol=Protocol.PPM100))
    with pytest.raises(UsageError, match="above 0"):
        evaluate_clips([clip], free, Conditions(simulate_fps=0))


def test_a_broken_frame_in_the_middle_ends_in_a_sentence_and_closes_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alphas = [np.zeros((8, 8), np.uint8)] * 4
    clip = write_clip(tmp_path, alphas, alphas)
    (tmp_path / "com" / "002.png").write_bytes(b"torn")
    log: list[str] = []

    @contextmanager
    def watched(settings: ChainSettings, *, with_engine: OpenEngine | None) -> Iterator[Chain]:
        log.append("opened")
        try:
            yield oracle_chain(Oracle(), settings)
        finally:
            log.append("closed")

    monkeypatch.setattr(runner, "open_chain", watched)
    with pytest.raises(InputError, match=r"002\.png"):
        evaluate_clips([clip], SETTINGS, Conditions(baseline=True))
    assert log == ["opened", "opened", "closed", "closed"]


def test_a_picture_is_judged_without_motion(tmp_path: Path) -> None:
    write_still(tmp_path, "a", (40, 30))
    stills = find_stills(tmp_path)
    assert stills == [Still("a", tmp_path / "image/a.png", tmp_path / "alpha/a.png")]
    report = evaluate_stills(stills, SETTINGS, Conditions())
    assert "dtssd" not in report.mean
    assert report.items[0].ours.series == {}
    assert report.mean["mad"] is not None
    assert report.mean["mad"] > 100  # an ellipse where nobody is
