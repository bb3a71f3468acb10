"""Long work that can be watched and cancelled."""

import threading

import pytest

from app.runtime.job import Cancelled, Control, Job, Progress

LONG = 120.0


def test_a_job_gives_its_result_and_says_how_far_it_is() -> None:
    seen: list[Progress] = []
    done: list[int] = []

    def work(control: Control) -> int:
        control.progress(1, 2, "half")
        control.progress(2, 2)
        return 42

    job = Job("count", work, on_progress=seen.append, on_done=lambda job: done.append(job.result()))
    assert not job.done
    job.start()
    assert job.join(LONG)
    assert job.done
    assert job.result() == 42
    assert job.error is None
    assert done == [42]
    assert seen == [Progress(1, 2, "half"), Progress(2, 2)]


def test_what_the_work_raises_is_raised_by_its_result() -> None:
    def work(control: Control) -> None:
        raise ZeroDivisionError("no")

    job = Job("fails", work)
    job.start()
    assert job.join(LONG)
    assert isinstance(job.error, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        job.result()


@pytest.mark.parametrize("how", ["wait", "progress", "check"])
def test_a_cancelled_job_ends_at_its_next_sign_of_life(how: str) -> None:
    started = threading.Event()
    go_on = threading.Event()
    ended: list[Job[None]] = []

    def work(control: Control) -> None:
        started.set()
        if how == "wait":
            control.wait(3600)
        go_on.wait(LONG)
        control.progress(1) if how == "progress" else control.check()
        raise AssertionError("it went on")

    job = Job("long", work, on_done=ended.append)
    job.start()
    assert started.wait(LONG)
    job.cancel()
    job.cancel()
    go_on.set()
    assert job.join(LONG)
    assert isinstance(job.error, Cancelled)
    assert ended == [job]


def test_a_job_that_is_not_done_has_no_result() -> None:
    job = Job("later", lambda control: 1)
    assert not job.join(0)
    with pytest.raises(RuntimeError, match="not done"):
        job.result()
