"""`mattecam train`: from a TOML file to weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import cli

if TYPE_CHECKING:
    from app.training.choice import Verdict


@cli.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", show_default=False)],
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on stdout at the end.")
    ] = False,
) -> None:
    """Train MODNet: on composites, self-supervised (SOC), or distilled.

    A run that was stopped goes on where it ended. Several processes: torchrun --nproc-per-node 2
    main.py train CONFIG.toml
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from app.training import config as configs
    from app.training import trainer
    from app.training.progress import Progress as Done

    told = configs.read(config)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    last: Done | None = None
    with bar:
        task = bar.add_task("Reading", total=told.steps)

        def show(done: Done) -> None:
            nonlocal last
            last = done
            bar.update(task, completed=done.step, description=f"{done.kind} {done.loss:.4f}")
            if done.scores is not None:
                mark = ", the best so far" if done.best else ""
                if done.began is not None:
                    mark += f" (it began with {done.began.mad:.2f} and {done.began.dtssd:.2f})"
                console.print(
                    f"Step {done.step}: MAD {done.scores.mad:.2f}, dtSSD {done.scores.dtssd:.2f}"
                    f" on clips that it does not learn from{mark}.",
                    soft_wrap=True,
                )

                if done.verdict is not None:
                    console.print(f"  {compared(done.verdict)}", soft_wrap=True)

        best = trainer.run(told, show, lambda text: console.print(f"{text}.", soft_wrap=True))
    if as_json:
        typer.echo(json.dumps({"weights": str(best), "steps": last.step if last else told.steps}))
    else:
        typer.echo(f"{best}; to use it: --weights {best}, or: python main.py weights import {best}")


def compared(verdict: Verdict) -> str:
    """One line: each kind's error relative to the reference's, and the worst item."""
    kinds = ", ".join(f"{name} {ratio:.2f}" for name, ratio in verdict.kinds.items())
    name, ratio = verdict.worst
    return (
        f"To the reference: {verdict.mean:.3f} ({kinds}); worst {name} {ratio:.2f}; "
        f"{verdict.worse} item{'' if verdict.worse == 1 else 's'} more than 15% worse."
    )
