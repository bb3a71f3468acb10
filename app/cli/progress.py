"""The progress bar, on stderr, for anything that counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from app.plain_text import readable


class Bar(Protocol):
    def __call__(self, done: int, total: int | None) -> None:
        """`total` is None while it is not known; it may change."""
        ...

    def say(self, sentence: str) -> None:
        """A line above the bar."""
        ...


@contextmanager
def progress_bar(title: str, *, unit: str = "frames") -> Iterator[Bar]:
    """A bar with the rate and the time left. Writes nothing where stderr is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from app.cli.terminal import Terminal, plain

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} {unit}/s")

    console = Terminal(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(readable(title), total=None)

        class _Bar:
            def __call__(self, done: int, total: int | None) -> None:
                # An estimated total may fall short: never show more done than there is.
                known = None if total is None else max(done, total)
                progress.update(task, completed=done, total=known)

            def say(self, sentence: str) -> None:
                console.print(plain(sentence), soft_wrap=True)

        yield _Bar()
