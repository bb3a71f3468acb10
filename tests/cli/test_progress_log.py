"""What long commands say where there is no terminal, by a clock that the test moves."""

from __future__ import annotations

import threading

import pytest

from app.cli.progress import progress_bar
from app.cli.progress_log import EVERY, ProgressLog, spoken


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_says_what_is_done_and_what_is_left() -> None:
    clock = Clock()
    log = ProgressLog("talk.mp4 → out.mp4", unit="frames", clock=clock)
    clock.now += 20
    assert log.line() == "talk.mp4 → out.mp4: getting ready, 20 s so far."
    log.update(0, 240)
    clock.now += 10
    log.update(60, 240)
    assert log.line() == "talk.mp4 → out.mp4: 60 of 240 frames done, about 30 s left."
    clock.now += 600
    assert log.line() == "talk.mp4 → out.mp4: 60 of 240 frames done, about 30 min left."


def test_it_says_only_what_is_known() -> None:
    clock = Clock()
    log = ProgressLog("Measuring", unit="pictures", clock=clock)
    log.update(3, None)
    clock.now += 95
    assert log.line() == "Measuring: 3 pictures done, 2 min so far."


def test_a_share_is_in_percent_and_a_better_estimate_counts() -> None:
    log = ProgressLog("Reading", clock=Clock())
    log.retitle("Adapting")
    log.update(0.345, 1.0, seconds_left=41.2)
    assert log.line() == "Adapting: 34% done, about 41 s left."


def test_a_line_comes_every_ten_seconds_while_the_work_is_silent() -> None:
    clock = Clock()
    log = ProgressLog("Exporting", clock=clock)
    waited: list[float] = []
    three = threading.Event()
    lines: list[str] = []

    def wait(over: threading.Event, seconds: float) -> bool:
        if len(waited) == 3:
            three.set()
            return over.wait()
        waited.append(seconds)
        clock.now += seconds
        return False

    with spoken(log, lines.append, wait=wait):
        assert three.wait(60)
    assert waited == [EVERY] * 3
    assert lines == [f"Exporting: getting ready, {passed} s so far." for passed in (10, 20, 30)]


def test_a_command_that_is_silent_for_another_program_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.cli.progress_log.EVERY", 0.0)
    with progress_bar("Working", silent=True) as bar:
        bar(1, 2)
    assert capsys.readouterr() == ("", "")


def test_file_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("[red]x[/red].mp4") as bar:
        bar.say("[red]x[/red].mp4 is read")
    assert capsys.readouterr().err == "[red]x[/red].mp4 is read\n"
