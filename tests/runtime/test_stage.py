"""One thread, one inbox."""

import threading
import time
from collections.abc import Iterator

import pytest

from app.runtime.stage import Stage, Work, Worker

LONG = 120.0


class Recording(Work[int]):
    """Writes down what is called, and by which thread."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.changed = threading.Condition()
        self.fails_at = ""
        self.accepting = True
        self.due_at: float | None = None

    def note(self, call: str) -> None:
        with self.changed:
            self.calls.append(call)
            self.threads.add(threading.get_ident())
            self.changed.notify_all()
        if call == self.fails_at:
            raise ZeroDivisionError(call)

    def wait_for(self, call: str, count: int = 1) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.calls.count(call) >= count, LONG)

    def open(self) -> None:
        self.note("open")

    def accepts(self) -> bool:
        return self.accepting

    def due(self) -> float | None:
        return self.due_at

    def handle(self, item: int) -> None:
        self.note(f"item {item}")

    def tick(self) -> None:
        self.due_at = None
        self.note("tick")

    def finish(self) -> None:
        self.note("finish")

    def close(self) -> None:
        self.note("close")


class Ends:
    def __init__(self) -> None:
        self.errors: list[Exception | None] = []

    def __call__(self, error: Exception | None) -> None:
        self.errors.append(error)


@pytest.fixture
def work() -> Recording:
    return Recording()


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def stage(work: Recording, ends: Ends) -> Iterator[Stage[int]]:
    stage = Stage("test", work, on_end=ends, depth=8)
    yield stage
    stage.abandon()
    assert stage.join(time.monotonic() + LONG)


def test_a_stage_opens_works_drains_finishes_and_closes_in_its_one_thread(
    stage: Stage[int], work: Recording, ends: Ends
) -> None:
    for item in range(3):
        stage.inbox.put(item)
    stage.close()
    stage.start()
    assert stage.join(time.monotonic() + LONG)
    assert [call for call in work.calls if call != "tick"] == [
        "open",
        "item 0",
        "item 1",
        "item 2",
        "finish",
        "close",
    ]
    assert work.calls.count("tick") == 3
    assert work.threads.isdisjoint({threading.get_ident()})
    assert len(work.threads) == 1
    assert ends.errors == [None]


@pytest.mark.parametrize("where", ["open", "item 1", "tick", "finish", "close"])
def test_whatever_fails_is_told_and_the_stage_closes(
    stage: Stage[int], work: Recording, ends: Ends, where: str
) -> None:
    work.fails_at = where
    stage.start()
    stage.inbox.put(1)
    if where in ("finish", "close"):
        stage.close()
    assert stage.join(time.monotonic() + LONG)
    (error,) = ends.errors
    assert isinstance(error, ZeroDivisionError)
    assert work.calls[-1] == "close"
    assert not stage.inbox.put(2)


def test_an_action_runs_in_the_stage_between_two_items(stage: Stage[int], work: Recording) -> None:
    stage.start()
    stage.post(lambda: work.note("action"))
    assert work.wait_for("action")
    assert len(work.threads) == 1


def test_an_action_that_was_posted_before_an_item_acts_on_it(
    stage: Stage[int], work: Recording
) -> None:
    stage.post(lambda: work.note("action"))
    stage.inbox.put(1)
    stage.start()
    assert work.wait_for("item 1")
    assert work.calls.index("action") < work.calls.index("item 1")


def test_an_abandoned_stage_does_not_finish_what_waits(
    stage: Stage[int], work: Recording, ends: Ends
) -> None:
    stage.inbox.put(1)
    stage.abandon()
    stage.start()
    assert stage.join(time.monotonic() + LONG)
    assert work.calls == ["open", "close"]
    assert ends.errors == [None]


def test_what_is_due_is_done_without_an_item(stage: Stage[int], work: Recording) -> None:
    work.due_at = time.monotonic()
    stage.start()
    assert work.wait_for("tick")


def test_a_stage_that_accepts_nothing_is_ticked_when_it_is_woken(
    stage: Stage[int], work: Recording
) -> None:
    work.accepting = False
    stage.start()
    stage.inbox.put(1)
    stage.inbox.wake()
    assert work.wait_for("tick")
    assert "item 1" not in work.calls
    work.accepting = True
    stage.inbox.wake()
    assert work.wait_for("item 1")


def test_a_thread_that_joins_itself_does_not_wait() -> None:
    joined: list[bool] = []
    worker = Worker("self", lambda: joined.append(worker.join(time.monotonic() + LONG)), Ends())
    worker.start()
    assert worker.join(time.monotonic() + LONG)
    assert joined == [True]
    assert not worker.is_current
