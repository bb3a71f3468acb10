"""`mattecam adapt`: the matte learns one's own face, chair and lamp."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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
    from app.training import adapt as adapting
    from app.training import adapt_job
    from app.training.adapt import Progress
    from app.weights import store

    began = time.monotonic()
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
        if live:
            began = time.monotonic()  # being recorded is no part of it
        outcome = adapt_job.run(
            frames,
            target,
            weights_name=weights or store.DEFAULT,
            minutes=minutes - (time.monotonic() - began) / 60,
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
        remedy = " Give it more --minutes." if outcome.reason == adapting.TOO_SHORT else ""
        echo(f"Dropped: {outcome.reason}{remedy} The model stays as it was.")


@contextmanager
def _shown(*, as_lines: bool) -> Iterator[Callable[[Progress], None]]:
    """Progress on stderr, or lines of JSON on stdout for the program that started this one."""
    from app.cli.progress import progress_bar

    next_line, said = 0.0, ""

    def show(done: Progress) -> None:
        nonlocal next_line, said
        left = done.seconds_left
        bar.retitle(done.what)
        bar(done.share, 1.0, seconds_left=left)
        now = time.monotonic()
        if as_lines and (now >= next_line or done.what != said):
            next_line, said = now + _EVERY, done.what
            seconds = None if left is None else round(left, 1)
            line = {"what": done.what, "share": round(done.share, 4), "seconds_left": seconds}
            echo(json.dumps(line))

    with progress_bar("Reading", unit="", silent=as_lines) as bar:
        yield show
