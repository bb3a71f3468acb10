"""A live pipeline set up for measuring: it runs from the first matte on, until it is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.bench.job import Job
from app.errors import MattecamError
from app.live import Callbacks, Failure, LivePipeline, State
from app.outputs.live_base import LiveOutput
from app.settings import LiveSettings
from app.sources.live_base import LiveSource

_START = 180.0  # seconds until the first matte; a cold cache converts the weights first


@dataclass
class Running:
    """failures: what went wrong since the beginning, in the order in which it did."""

    pipeline: LivePipeline
    failures: list[Failure] = field(default_factory=list)

    def check(self) -> None:
        """Raises MattecamError where anything went wrong."""
        if self.failures:
            raise MattecamError(str(self.failures[0]))


@contextmanager
def running(
    job: Job, source: LiveSource, output: LiveOutput, *, size: tuple[int, int] | None = None
) -> Iterator[Running]:
    """The job's chain, live, from `source` to `output`.

    size: (width, height) of the output's pictures, at the job's rate; None for what comes. Raises
    MattecamError where no picture comes.
    """
    settings = (
        LiveSettings()
        .with_chain(job.settings)
        .but(
            quality=job.quality,
            skip_unchanged=False,  # the frames come again and again; each is to be worked on
            # What `live_turns` does not tell of yet, it does not measure either.
            steps=(),
            size_follows_subject=False,
            source="memory",
            outputs=(),
        )
    )
    if size is not None:
        settings = settings.but(output_size=size, output_rate=job.rate)
    seen = threading.Event()

    def changed(state: State) -> None:
        if state is State.RUNNING:
            seen.set()

    def failed(failure: Failure) -> None:
        run.failures.append(failure)
        seen.set()

    callbacks = Callbacks(on_state_changed=changed, on_failure=failed)
    run = Running(LivePipeline(settings, callbacks, create_source=lambda _: source))
    run.pipeline.add_output("measured", output)
    with run.pipeline:
        if not seen.wait(_START):
            raise MattecamError("The live pipeline gave no picture in three minutes.")
        run.check()
        yield run
