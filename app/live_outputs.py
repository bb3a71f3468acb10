"""The outputs of a live pipeline: each in a thread of its own, added and removed while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app.errors import InputError, OutputLost
from app.frames import Composite
from app.live_events import Failure, failure_of
from app.outputs.live_base import LiveFormat, LiveOutput
from app.runtime.stage import Stage
from app.settings import LiveSettings
from app.stages.output import Curtain, Look, OutputWork, Shown
from app.stats import Stats
from app.system.files import expanded

# A write that has not come back for this long, in seconds, is said to block.
_BLOCKED = 2.0


@dataclass(frozen=True)
class Host:
    """What the outputs need of their pipeline.

    lock: held whenever LiveOutputs is called, and taken by the outputs' threads when they tell.
    running: whether threads may be started. card: whether "be right back" is up. start: starts a
    stage that the pipeline ends. describe: takes what is open, by output.
    """

    lock: AbstractContextManager[bool]
    stats: Callable[[], Stats]
    settings: Callable[[], LiveSettings]
    running: Callable[[], bool]
    card: Callable[[], bool]
    start: Callable[[Stage[Any]], object]
    report: Callable[[Failure], None]
    describe: Callable[[Mapping[str, str]], None]


@dataclass(eq=False)
class _Output:
    """An output that was added. stage: while it runs."""

    name: str
    output: LiveOutput
    from_settings: bool
    stage: Stage[Shown] | None = None
    work: OutputWork | None = None
    told: str = ""  # the failure that was told last


class LiveOutputs:
    """By name, in the order in which they were added. Called with the host's lock held."""

    def __init__(
        self, host: Host, create: Callable[[str], LiveOutput], *, backoff: Sequence[float]
    ) -> None:
        self._host = host
        self._create = create
        self._backoff = backoff
        self._outputs: dict[str, _Output] = {}
        self._threads: list[tuple[LiveOutput, Stage[Shown]]] = []
        self._open: dict[str, str] = {}  # what is open, for the user

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._outputs)

    @property
    def threads(self) -> Sequence[tuple[LiveOutput, Stage[Shown]]]:
        """Each that was started in this run and may still go on, removed ones too."""
        return tuple(self._threads)

    @property
    def devices(self) -> Sequence[Path | None]:
        """See LiveOutput.device."""
        return [entry.output.device for entry in self._outputs.values()]

    def make(self, specs: Sequence[str]) -> Mapping[str, LiveOutput]:
        """Those of `specs` that are not there, not added yet. Raises OptionError."""
        return {spec: self._create(spec) for spec in specs if spec not in self._outputs}

    def begin(self) -> None:
        """A run starts: threads for all that are there."""
        self._open = {}
        self._threads = []
        for entry in self._outputs.values():
            self._start(entry)

    def end(self) -> None:
        """A run has ended: what the settings brought goes, what was added by hand stays."""
        for entry in tuple(self._outputs.values()):
            entry.stage = entry.work = None
            if entry.from_settings:
                del self._outputs[entry.name]

    def add(self, name: str, output: LiveOutput, *, from_settings: bool) -> None:
        """`name` is not used yet."""
        entry = _Output(name, output, from_settings)
        self._outputs[name] = entry
        if self._host.running():
            self._start(entry)

    def remove(self, name: str) -> None:
        """Its thread finishes and closes it. Nothing happens where there is none."""
        entry = self._outputs.get(name)
        if entry is not None:
            self._remove(entry)

    def follow(self, specs: Sequence[str], made: Mapping[str, LiveOutput]) -> None:
        """Those that the settings brought become `specs`; made: the new ones among them."""
        for entry in tuple(self._outputs.values()):
            if entry.from_settings and entry.name not in specs:
                self._remove(entry)
        for spec, output in made.items():
            self.add(spec, output, from_settings=True)

    def put(self, composite: Composite, *, live: bool) -> None:
        """live: whether the private ones get it, too."""
        for entry in self._outputs.values():
            if entry.stage is not None and (live or not entry.output.private):
                entry.stage.inbox.put(composite)

    def draw(self, curtain: Curtain) -> None:
        """Before the private ones."""
        for entry in self._outputs.values():
            self._draw(entry, curtain)

    def change_looks(self) -> None:
        """The settings of how they look have changed."""
        for entry in self._outputs.values():
            work, look = entry.work, self._look(entry.output)
            if entry.stage is not None and work is not None:
                entry.stage.post(partial(work.change_look, look))

    def watch(self) -> None:
        """Now and then: says where a write does not come back."""
        for entry in self._outputs.values():
            self._watch(entry)

    # ---- one of them -----------------------------------------------------------------------------

    def _start(self, entry: _Output) -> None:
        work = OutputWork(
            entry.name,
            entry.output,
            look=self._look(entry.output),
            events=_Events(self, entry),
            stats=self._host.stats(),
            backoff=self._backoff,
        )
        stage: Stage[Shown] = Stage(
            f"output {entry.name}",
            work,
            on_end=lambda error: self._ended(entry, stage, error),
            depth=entry.output.depth,
            on_drop=lambda: self._host.stats().dropped(f"output {entry.name}"),
        )
        entry.work, entry.stage = work, stage
        self._host.stats().add_output(entry.name)
        if self._host.card():
            self._draw(entry, Curtain.CARD)
        self._threads = [pair for pair in self._threads if pair[1].is_alive]
        self._threads.append((entry.output, stage))
        self._host.start(stage)

    def _remove(self, entry: _Output) -> None:
        del self._outputs[entry.name]
        if entry.stage is not None:
            entry.stage.close()
        self._open.pop(entry.name, None)
        self._host.describe(dict(self._open))

    def _look(self, output: LiveOutput) -> Look:
        settings = self._host.settings()
        return Look(
            LiveFormat(settings.output_size, settings.output_rate),
            mirror=settings.mirror_output and output.private,
            card=expanded(settings.card) if settings.card else None,
        )

    def _draw(self, entry: _Output, curtain: Curtain) -> None:
        if entry.stage is not None and entry.output.private:
            entry.stage.inbox.put(curtain)

    def _watch(self, entry: _Output) -> None:
        since = entry.work.busy_since if entry.work is not None else None
        blocked = since is not None and time.monotonic() - since > _BLOCKED
        sentence = f"The output {entry.name} takes no more pictures."
        if blocked and entry.told != sentence:
            self._host.report(
                Failure(
                    f"output {entry.name}",
                    sentence,
                    "Close the program that reads it, or switch it off and on.",
                    retried=True,
                )
            )
            entry.told = sentence
        elif not blocked and entry.told == sentence:
            entry.told = ""

    # ---- what their threads tell -----------------------------------------------------------------

    def _opened(self, entry: _Output, description: str) -> None:
        with self._host.lock:
            self._open[entry.name] = description
            self._host.describe(dict(self._open))

    def _works(self, entry: _Output) -> None:
        with self._host.lock:
            entry.told = ""

    def _lost(self, entry: _Output, error: OutputLost) -> None:
        with self._host.lock:
            failure = failure_of(f"output {entry.name}", error, retried=True)
            if self._host.running() and failure.sentence != entry.told:
                entry.told = failure.sentence
                self._host.report(failure)

    def _card_failed(self, error: InputError) -> None:
        with self._host.lock:
            self._host.report(failure_of("card", error))

    def _ended(self, entry: _Output, stage: Stage[Shown], error: Exception | None) -> None:
        with self._host.lock:
            if error is None:
                return
            if self._outputs.get(entry.name) is entry and entry.stage is stage:
                self._remove(entry)
            self._host.report(failure_of(f"output {entry.name}", error))


@dataclass
class _Events:
    """stages.output.OutputEvents, for one output."""

    outputs: LiveOutputs
    entry: _Output

    def opened(self, description: str) -> None:
        self.outputs._opened(self.entry, description)

    def works(self) -> None:
        self.outputs._works(self.entry)

    def lost(self, error: OutputLost) -> None:
        self.outputs._lost(self.entry, error)

    def card_failed(self, error: InputError) -> None:
        self.outputs._card_failed(error)
