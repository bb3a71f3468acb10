"""`mattecam train`: from a TOML file to weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli import cli
from app.cli.printing import echo


@cli.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", show_default=False)],
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on stdout at the end.")
    ] = False,
) -> None:
    """Train MODNet as the paper does: supervised, self-supervised (SOC), or distilled.

    A run that was stopped goes on where it ended. Several processes: torchrun --nproc-per-node 2
    main.py train CONFIG.toml
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from app.cli.terminal import Terminal
    from app.training import config as configs
    from app.training import trainer
    from app.training.progress import Progress as Done

    told = configs.read(config)
    console = Terminal(stderr=True)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
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

        best = trainer.run(told, show)
    if as_json:
        echo(json.dumps({"weights": str(best), "steps": last.step if last else told.steps}))
    else:
        echo(f"{best}; to use it: --weights {best}, or: python main.py weights import {best}")
