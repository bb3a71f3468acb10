"""`mattecam adapt`: the matte learns one's own face, chair and lamp."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import cli
from app.cli.printing import echo

if TYPE_CHECKING:
    from app.training.adapt import Progress

_EVERY = 0.5  # seconds between two lines of progress


@cli.command()
def adapt(
    source: Annotated[str, typer.Argument(metavar="CLIP|FOLDER|camera:0", show_default=False)],
    minutes: Annotated[
        float, typer.Option(min=0.1, max=120, help="About how long it may take.")
    ] = 5.0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="NAME.safetensors", help="Else weights/adapted.safetensors."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="What is adapted; else the default.")
    ] = None,
    soc: Annotated[
        bool,
        typer.Option("--soc", help="A quarter of the steps is the paper's SOC; see docs/adapt.md."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on stdout; progress goes to stderr.")
    ] = False,
    progress_json: Annotated[
        bool,
        typer.Option(
            "--progress-json",
            help="Lines of JSON on stdout while it goes on, for programs: what, share, "
            "seconds_left.",
        ),
    ] = False,
    show_in: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where pictures of before and after go, if it is kept."
        ),
    ] = None,
) -> None:
    """Adapt the model to you, from frames without alpha; nothing leaves the machine.

    It looks at frames of you without needing their alpha, holds some out, and drops the result
    where these do not get better. A dropped result is no error: the exit code is 0, and nothing
    is written.
    """
    from app import places
    from app.outputs.read_files import Reading, files_in, refuse_to_overwrite
    from app.sources.open import file_read
    from app.training import adapt_job
    from app.training.adapt import Progress
    from app.weights import store

    signal.signal(signal.SIGTERM, _interrupt)
    target = out or places.weights() / f"adapted{store.SUFFIX}"
    adapt_job.check_target(target, force=force)
    live = source.partition(":")[0] == "camera"
    chosen = store.resolve(weights or store.DEFAULT)
    refuse_to_overwrite(
        [target, *(files_in(show_in, (".jpg",)) if show_in is not None else ())],
        [
            Reading("the file of the weights", chosen.path),
            *([] if live else [Reading("the clip itself", file_read(source))]),
        ],
    )
    with _shown(as_lines=progress_json) as show:
        show(Progress("Reading", 0.0))
        frames = adapt_job.record(source, progress=show) if live else adapt_job.read(source)
        outcome = adapt_job.run(
            frames,
            target,
            weights_name=weights or store.DEFAULT,
            minutes=minutes,
            soc=soc,
            source=Path(source).name,
            force=force,
            show_in=show_in,
            progress=show,
        )
    if as_json:
        told = {"steps": outcome.steps, "weights": str(target) if outcome.kept else None}
        echo(json.dumps({**outcome.as_json(), **told}))
    elif outcome.kept:
        listed = store.find_imported(target.stem)
        name = target.stem if listed is not None and listed.samefile(target) else target
        echo(f"{outcome.reason} Kept as {target}; to use it: --weights {name}")
    else:
        echo(f"Dropped: {outcome.reason} The model stays as it was.")


@contextmanager
def _shown(*, as_lines: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr, or lines of JSON on stdout for the program that started this one."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    from app.cli.terminal import Terminal

    console = Terminal(stderr=True)
    hidden = as_lines or not console.is_terminal
    next_line, said = 0.0, ""

    def show(done: Progress) -> None:
        nonlocal next_line, said
        left = done.seconds_left
        bar.update(
            task,
            completed=done.share,
            description=done.what,
            left=""
            if left is None
            else f"about {max(1, round(left / 60))} min left"
            if left > 90
            else f"{left:.0f} s left",
        )
        now = time.monotonic()
        if as_lines and (now >= next_line or done.what != said):
            next_line, said = now + _EVERY, done.what
            seconds = None if left is None else round(left, 1)
            line = {"what": done.what, "share": round(done.share, 4), "seconds_left": seconds}
            echo(json.dumps(line))

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=console, disable=hidden) as bar:
        task = bar.add_task("Reading", total=1.0, left="")
        yield show


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
