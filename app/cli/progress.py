"""Progress on stderr: a bar on a terminal, else a sentence every ten seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

    from app.cli.terminal import Terminal

from app.plain_text import readable


class Bar(Protocol):
    def __call__(
        self, done: float, total: float | None, *, seconds_left: float | None = None
    ) -> None:
        """`total` is None while it is not known; it may change. seconds_left: where it is known
        better than from the pace so far.
        """
        ...

    def retitle(self, title: str) -> None:
        """What is being done now."""
        ...

    def say(self, sentence: str) -> None:
        """A line above the bar."""
        ...


@contextmanager
def progress_bar(title: str, *, unit: str = "frames", silent: bool = False) -> Iterator[Bar]:
    """A bar with the rate and the time left; where stderr is no terminal, `ProgressLog`'s lines.

    Args:
        unit: what is counted, "" for a share, "MB" for bytes in millions.
        silent: neither, for a command that tells its progress to another program.
    """
    from app.cli.progress_log import ProgressLog, spoken
    from app.cli.terminal import Terminal, plain

    console = Terminal(stderr=True)
    log = ProgressLog(title, unit=unit)

    def say(sentence: str) -> None:
        console.print(plain(sentence), soft_wrap=True)

    with ExitStack() as stack:
        progress = _rich_bar(console, unit, hidden=silent or not console.is_terminal)
        stack.enter_context(progress)
        task = progress.add_task(readable(title), total=None, left=None)
        if not (silent or console.is_terminal):
            stack.enter_context(spoken(log, say))

        class _Bar:
            def __call__(
                self, done: float, total: float | None, *, seconds_left: float | None = None
            ) -> None:
                # An estimated total may fall short: never show more done than there is.
                known = None if total is None else max(done, total)
                progress.update(task, completed=done, total=known, left=seconds_left)
                log.update(done, known, seconds_left=seconds_left)

            def retitle(self, title: str) -> None:
                progress.update(task, description=readable(title))
                log.retitle(title)

            def say(self, sentence: str) -> None:
                say(sentence)

        yield _Bar()


def _rich_bar(console: Terminal, unit: str, *, hidden: bool) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} {unit}/s")

    class LeftColumn(TimeRemainingColumn):
        """What was told, else what the pace says."""

        def render(self, task: Task) -> Text:
            left = task.fields["left"]
            if left is None:
                return super().render(task)
            return Text(f"{left // 3600:.0f}:{left // 60 % 60:02.0f}:{left % 60:02.0f}")

    counted = (MofNCompleteColumn(), RateColumn()) if unit else (TaskProgressColumn(),)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *counted,
        LeftColumn(),
        console=console,
        disable=hidden,
    )
