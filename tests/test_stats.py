"""What the pipeline measures of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stats import Spread, Stats


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_those_of_the_last_seconds_and_of_the_whole_run() -> None:
    clock = Clock()
    stats = Stats(clock=clock)
    for _ in range(300):  # ten seconds at 30 fps
        stats.captured()
        clock.now += 1 / 30
    for _ in range(100):  # ten at 10 fps
        stats.captured()
        clock.now += 1 / 10
    assert stats.recent().fps_in == pytest.approx(10, rel=0.05)
    assert stats.whole().fps_in == pytest.approx(20, rel=0.05)


def test_a_rate_begins_with_its_first_event_and_falls_when_nothing_comes() -> None:
    clock = Clock()
    stats = Stats(clock=clock)
    clock.now += 60.0  # the engine loads
    for _ in range(31):
        stats.matted()
        clock.now += 1 / 30
    assert stats.recent().fps_matte == pytest.approx(30, rel=0.05)
    assert stats.whole().fps_matte == pytest.approx(30, rel=0.05)
    clock.now += 10.0
    assert stats.recent().fps_matte == 0.0


def test_new_composites_and_resent_ones_are_apart_and_the_first_output_speaks_for_all() -> None:
    clock = Clock()
    stats = Stats(clock=clock)
    stats.add_output("camera")
    stats.add_output("recorder")
    for _ in range(20):
        stats.wrote("recorder", clock.now)
        for _ in range(2):
            stats.wrote("camera", clock.now - 0.05)
            stats.resent("camera")
        clock.now += 0.1
    whole = stats.whole()
    assert tuple(whole.outputs) == ("camera", "recorder")
    assert whole.fps_out == whole.outputs["camera"].fps == pytest.approx(20, rel=0.05)
    assert whole.fps_resent == pytest.approx(20, rel=0.05)
    assert whole.outputs["recorder"].fps == pytest.approx(10, rel=0.06)
    assert whole.outputs["recorder"].resent == 0.0
    assert whole.latency_ms is not None
    assert whole.latency_ms.p50 == pytest.approx(50, abs=0.2)


@given(st.lists(st.floats(0, 9.9), min_size=1, max_size=200))
def test_the_histogram_agrees_with_the_list_within_its_bins(seconds: list[float]) -> None:
    stats = Stats(clock=Clock())
    for value in seconds:
        stats.took("matting", value)
    exact, binned = stats.recent().stages_ms["matting"], stats.whole().stages_ms["matting"]
    assert binned.p50 == pytest.approx(exact.p50, abs=0.11)
    assert binned.p95 == pytest.approx(exact.p95, abs=0.11)


def test_times_that_are_off_the_scale_are_counted_at_its_ends() -> None:
    stats = Stats(clock=Clock())
    stats.took("matting", -1.0)
    stats.took("matting", 1e6)
    spread = stats.whole().stages_ms["matting"]
    assert spread == Spread(pytest.approx(0.05), pytest.approx(9999.95))


def test_drops_are_counted_by_place() -> None:
    stats = Stats()
    for place in ("matting", "compose", "matting"):
        stats.dropped(place)
    assert stats.recent().dropped == {"matting": 2, "compose": 1}


def test_what_was_never_measured_is_not_made_up() -> None:
    recent = Stats().recent()
    assert recent.latency_ms is None
    assert (recent.fps_in, recent.fps_out, recent.outputs, recent.stages_ms) == (0, 0, {}, {})
    assert recent.memory_mb > 1


def test_reused_mattes_are_mattes_and_are_counted_apart() -> None:
    clock = Clock()
    stats = Stats(clock=clock)
    for index in range(60):
        stats.matted(reused=index % 2 == 0)
        clock.now += 1 / 30
    assert stats.recent().fps_matte == pytest.approx(30, rel=0.05)
    assert stats.recent().fps_reused == pytest.approx(15, rel=0.05)


def test_the_times_since_a_moment_are_those_and_no_others() -> None:
    clock = Clock()
    stats = Stats(clock=clock)
    stats.took("matting", 0.5)
    clock.now += 1.0
    stats.took("matting", 0.1)
    assert stats.times_since("matting", clock.now) == [0.1]
    assert stats.times_since("refine", 0.0) == []
