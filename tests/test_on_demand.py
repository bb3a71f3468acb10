"""The camera is released while nobody looks, and is back when somebody does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.on_demand import OnDemand

VIDEO, OTHER = Path("/dev/video9"), Path("/dev/video8")


class Watch:
    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self.on_change = on_change
        self.started = self.stopped = 0

    def start(self) -> None:
        self.started += 1

    def stop(self) -> bool:
        self.stopped += 1
        return True


class Desk:
    """An OnDemand whose watches are scripted, and what it told."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.watches: dict[Path, Watch] = {}
        self.demand = OnDemand(self.told.append, watch=self._watch)

    def _watch(self, path: Path, on_change: Callable[[bool], None]) -> Watch:
        self.watches[path] = Watch(on_change)
        return self.watches[path]

    def look(self, *devices: Path | None, seen: bool = False) -> None:
        self.demand.look(devices, seen=seen)

    def readers(self, path: Path, *, anybody: bool) -> None:
        self.watches[path].on_change(anybody)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_it_rests_while_nobody_reads_and_works_when_somebody_does(desk: Desk) -> None:
    desk.look(VIDEO)
    for anybody in (False, False, True, True, False):
        desk.readers(VIDEO, anybody=anybody)
    assert desk.told == [True, False, True]


def test_one_reader_of_two_devices_is_enough(desk: Desk) -> None:
    desk.look(VIDEO, OTHER)
    desk.readers(VIDEO, anybody=True)
    desk.readers(OTHER, anybody=False)
    assert desk.told == []
    desk.readers(VIDEO, anybody=False)
    assert desk.told == [True]


def test_where_an_output_cannot_tell_it_never_rests(desk: Desk) -> None:
    desk.look(VIDEO, None)
    desk.readers(VIDEO, anybody=False)
    assert desk.told == []


def test_without_an_output_it_never_rests(desk: Desk) -> None:
    desk.look()
    assert desk.told == []


def test_who_sees_the_preview_counts_as_somebody(desk: Desk) -> None:
    desk.look(VIDEO, seen=True)
    desk.readers(VIDEO, anybody=False)
    assert desk.told == []
    desk.look(VIDEO, seen=False)
    desk.look(VIDEO, seen=True)
    assert desk.told == [True, False]


def test_an_output_that_is_added_ends_the_rest(desk: Desk) -> None:
    desk.look(VIDEO)
    desk.readers(VIDEO, anybody=False)
    desk.look(VIDEO, None)
    assert desk.told == [True, False]


def test_a_device_is_watched_once_however_often_it_is_looked_at(desk: Desk) -> None:
    for _ in range(3):
        desk.look(VIDEO)
    assert desk.watches[VIDEO].started == 1


def test_a_device_that_is_no_output_any_more_is_not_watched_any_more(desk: Desk) -> None:
    desk.look(VIDEO, OTHER)
    desk.look(VIDEO)
    assert (desk.watches[VIDEO].stopped, desk.watches[OTHER].stopped) == (0, 1)
    desk.readers(OTHER, anybody=True)
    desk.readers(VIDEO, anybody=False)
    assert desk.told == [True]


def test_the_end_ends_the_rest_and_late_news_change_nothing(desk: Desk) -> None:
    desk.look(VIDEO)
    desk.readers(VIDEO, anybody=False)
    desk.demand.stop()
    desk.demand.stop()
    desk.readers(VIDEO, anybody=False)
    assert desk.watches[VIDEO].stopped == 1
    assert desk.told == [True, False]


def test_after_the_end_it_may_begin_again(desk: Desk) -> None:
    desk.look(VIDEO)
    desk.demand.stop()
    desk.look(VIDEO)
    desk.readers(VIDEO, anybody=False)
    assert desk.told == [True]
