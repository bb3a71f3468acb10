"""The camera is released while nobody looks, and is back when somebody does."""

from collections.abc import Callable
from pathlib import Path

from app.on_demand import OnDemand
from app.outputs.live_base import LiveOutput

VIDEO = Path("/dev/video9")


class Pipeline:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


class Output(LiveOutput):
    def __init__(self, device: Path | None) -> None:
        self._device = device

    @property
    def device(self) -> Path | None:
        return self._device


class Watch:
    made: dict[Path, "Watch"]

    def __init__(self, path: Path, on_change: Callable[[bool], None]) -> None:
        self.on_change = on_change
        self.started = self.stopped = 0
        Watch.made[path] = self

    def start(self) -> None:
        self.started += 1

    def stop(self) -> bool:
        self.stopped += 1
        return True


def demand_for(*devices: Path | None) -> tuple[OnDemand, Pipeline]:
    Watch.made = {}
    pipeline = Pipeline()
    waiting = [Output(device) for device in devices]
    demand = OnDemand(lambda: pipeline, lambda _: waiting.pop(0), watch=Watch)
    for _ in devices:
        demand.create_output("virtual-camera")
    return demand, pipeline


def test_it_rests_while_nobody_reads_and_works_when_somebody_does() -> None:
    demand, pipeline = demand_for(VIDEO)
    demand.look()
    tell = Watch.made[VIDEO].on_change
    for anybody in (False, False, True, True, False):
        tell(anybody)
    assert pipeline.told == ["pause", "resume", "pause"]


def test_one_reader_of_two_devices_is_enough() -> None:
    other = Path("/dev/video8")
    demand, pipeline = demand_for(VIDEO, other)
    demand.look()
    Watch.made[VIDEO].on_change(True)
    Watch.made[other].on_change(False)
    assert pipeline.told == []
    Watch.made[VIDEO].on_change(False)
    assert pipeline.told == ["pause"]


def test_where_an_output_cannot_tell_nothing_is_ever_paused() -> None:
    demand, pipeline = demand_for(VIDEO, None)
    demand.look()
    assert Watch.made == {}
    assert pipeline.told == []


def test_a_device_is_watched_once_however_often_it_is_looked_at() -> None:
    demand, _ = demand_for(VIDEO)
    for _ in range(3):
        demand.look()
    assert Watch.made[VIDEO].started == 1


def test_after_the_end_nothing_is_paused_any_more() -> None:
    demand, pipeline = demand_for(VIDEO)
    demand.look()
    demand.stop()
    demand.stop()
    demand.look()
    Watch.made[VIDEO].on_change(False)
    assert Watch.made[VIDEO].stopped == 1
    assert pipeline.told == []
