"""`weights`: which models there are; fetch, check and import them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import cli
from app.cli.printing import echo
from app.errors import UsageError, WeightsMissing

if TYPE_CHECKING:
    from app.weights.history import History
    from app.weights.store import Status

weights = typer.Typer(no_args_is_help=True, help="List, fetch, check and import MODNet's weights.")
cli.add_typer(weights, name="weights")

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON on stdout instead.")]

_STYLES = {"present": "green", "missing": "dim", "corrupt": "red"}


@weights.command("list")
def list_weights(as_json: AsJson = False) -> None:
    """Show every model: what is here, what can be fetched, what was imported."""
    from app.weights import store

    _show(store.status(), as_json=as_json)


@weights.command()
def verify(name: Name = None, as_json: AsJson = False) -> None:
    """Check one model, or all that are here, against their checksums."""
    from app.weights import store

    lines = store.status()
    if name is not None:
        known = [line.name for line in lines]
        lines = [line for line in lines if line.name == name]
        if not lines:
            raise WeightsMissing(
                f"There are no weights called {name!r}. There are: {', '.join(known)}."
            )
    _show(lines, as_json=as_json)
    absent = name is not None and lines[0].state == "missing"
    if absent or any(line.state == "corrupt" for line in lines):
        raise typer.Exit(1)


@weights.command()
def fetch(
    name: Name = None,
    every: Annotated[bool, typer.Option("--all", help="Fetch every released model.")] = False,
) -> None:
    """Download a released model (the one for portraits, if none is named) and check it."""
    from app.weights import manifest, store
    from app.weights.fetch import fetch as fetch_entry

    if every and name is not None:
        raise UsageError("Give a NAME or --all, not both.")
    if every:
        entries: Sequence[manifest.Entry] = manifest.read().weights
    else:
        entries = [store.entry_named(name or store.PLAIN)]
    for entry in entries:
        with _progress_bar(entry.name) as progress:
            path = fetch_entry(entry, progress=progress)
        echo(f"{entry.name} is here and whole: {path}")


@weights.command("import")
def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    name: Annotated[
        str | None,
        typer.Option("--name", help="What to call it.  [default: the file's name]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace weights that were imported under this name.")
    ] = False,
) -> None:
    """Bring your own: a .ckpt, a state dict, a .safetensors file or the official ONNX export."""
    from app.modnet.weights import import_file
    from app.weights import store

    imported = store.resolve(import_file(file, name=name, force=force))
    echo(f"Imported as {imported.name}; to use it: --weights {imported.name}")
    heads = imported.metadata.get("missing_heads")
    if heads:
        echo(f"It lacks {heads.replace(',', ' and ')}, which only training needs.")


@weights.command()
def calibrate(
    places: Annotated[
        list[str], typer.Argument(metavar="CLIP|PICTURE|FOLDER...", show_default=False)
    ],
    name: Annotated[
        str | None,
        typer.Option("--weights", metavar="NAME|FILE", help="Which weights; else the default."),
    ] = None,
) -> None:
    """Store the statistics of a model's norms, from pictures of people: it then runs faster.

    A few frames of each clip are looked at. They count for exactly this file of weights.
    """
    from app.modnet.calibrate import calibrate as run
    from app.weights import store

    chosen = store.resolve(name or store.DEFAULT)
    with _counting() as progress:
        made = run(chosen, places, progress=progress)
    echo(f"{made.path}: {chosen.name} as it sees {made.pictures} pictures.")


@weights.command()
def heads(
    name: Annotated[str | None, typer.Argument(metavar="[NAME|FILE]", show_default=False)] = None,
    cutouts: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="People as pictures with an alpha channel."),
    ] = None,
    pairs: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="People as image/ beside alpha/.")
    ] = None,
    rooms: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER|FILE", help="What people with alpha are put before."),
    ] = None,
    clips: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER|FILE", help="People without alpha, where there is none."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, show_default=False)] = None,
    licence: Annotated[str, typer.Option(help="What the pictures allow.")] = "unknown",
    as_json: AsJson = False,
) -> None:
    """Fit the two heads that only training uses to weights that lack them, and nothing else.

    True alpha is the better teacher, for then S learns something that the matte does not say
    already. The heads are stored beside the weights, and training and adapting find them there.
    """
    from app.cli.progress import progress_bar
    from app.training import data, recover
    from app.training import heads as fitting
    from app.weights import store

    chosen = store.resolve(name or store.PLAIN)
    people = frames = None
    with progress_bar("Reading", unit="steps") as bar:
        if cutouts or pairs:
            people = data.read_people(cutouts or (), pairs or (), rooms or ())
        elif clips:
            frames = data.read_frames(clips)
        planned = steps or fitting.STEPS
        bar.retitle("Fitting")
        made = recover.recover(
            chosen,
            people=people,
            frames=frames,
            steps=planned,
            licence=licence,
            progress=lambda step: bar(step, planned),
        )
    if as_json:
        echo(json.dumps(made.as_json()))
        return
    old, new = made.before, made.after
    echo(
        f"{made.path}: fitted to {made.taught_by}. S and the matte differ by {new.semantic:.4f} "
        f"({old.semantic:.4f} before), D and the matte in the band by {new.detail:.4f} "
        f"({old.detail:.4f})."
    )
    if people is not None:
        echo(
            f"From the true alpha S is {new.semantic_error:.4f} away, the matte "
            f"{new.matte_error_small:.4f}; in the band D {new.detail_error:.4f}, the matte "
            f"{new.matte_error_band:.4f}."
        )


@weights.command()
def quantise(
    places: Annotated[
        list[str], typer.Argument(metavar="CLIP|PICTURE|FOLDER...", show_default=False)
    ],
    name: Annotated[
        str | None,
        typer.Option("--weights", metavar="NAME|FILE", help="Which weights; else the default."),
    ] = None,
) -> None:
    """Store a model's 8-bit form, from pictures of people, for processors with VNNI or AMX.

    It then takes two thirds of the time. A few frames of each clip are looked at. It counts for
    exactly this file of weights, and is used from then on where the processor multiplies such
    integers.
    """
    from app.modnet.quantise import quantise as run
    from app.weights import store

    chosen = store.resolve(name or store.DEFAULT)
    with _counting() as progress:
        made = run(chosen, places, progress=progress)
    echo(f"{made.path}: {chosen.name} in 8 bits, after {made.pictures} pictures.")


@contextmanager
def _counting() -> Iterator[Callable[[int], None]]:
    """How many pictures were seen so far, shown on stderr."""
    from app.cli.progress import progress_bar

    with progress_bar("Measuring", unit="pictures") as bar:
        yield lambda seen: bar(seen, None)


def _show(lines: Sequence[Status], *, as_json: bool) -> None:
    if as_json:
        echo(json.dumps({"weights": [_as_json(line) for line in lines]}))
        return
    from rich.table import Table

    from app.cli.terminal import Terminal, plain

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Name", "State", "Size", "Licence", "What"):
        table.add_column(
            column,
            justify="right" if column == "Size" else "left",
            no_wrap=column in ("Name", "State", "Size"),
        )
    for line in lines:
        table.add_row(
            plain(line.name + (" (default)" if line.default else "")),
            plain(line.state, style=_STYLES[line.state]),
            plain(f"{line.bytes / 1e6:.1f} MB"),
            plain(line.licence),
            plain(line.title if line.history is None else _with_history(line.title, line.history)),
        )
    console = Terminal()
    console.print(table)
    for line in lines:
        if line.problem is not None:
            console.print(plain(line.problem, style="red"), soft_wrap=True)


def _as_json(line: Status) -> dict[str, object]:
    return {
        "name": line.name,
        "state": line.state,
        "default": line.default,
        "origin": line.origin,
        "licence": line.licence,
        "bytes": line.bytes,
        "path": str(line.path),
        "title": line.title,
        "problem": line.problem,
        "history": None if line.history is None else line.history.as_json(),
    }


def _with_history(title: str, history: History) -> str:
    """The title, unless the history says the same and more."""
    told = str(history)
    return told if told.startswith(title) else f"{title} ({told})"


@contextmanager
def _progress_bar(name: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """Progress on stderr, and a line for each source."""
    from app.cli.progress import progress_bar

    current = ""
    with progress_bar(name, unit="MB") as bar:

        def show(done: int, total: int | None, source: str) -> None:
            nonlocal current
            if source != current:
                current = source
                bar.say(f"Fetching {name} from {source}")
            bar(done / 1e6, None if total is None else total / 1e6)

        yield show
