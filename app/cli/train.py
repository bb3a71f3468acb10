"""`mattecam train`: from a TOML file to weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import cli
from app.cli.printing import echo

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
    from app.cli.progress import progress_bar
    from app.training import config as configs
    from app.training import trainer
    from app.training.progress import Progress as Done

    told = configs.read(config)
    last: Done | None = None
    with progress_bar("Reading", unit="steps") as bar:

        def show(done: Done) -> None:
            nonlocal last
            last = done
            bar.retitle(f"{done.kind} {done.loss:.4f}")
            bar(done.step, told.steps)
            if done.scores is not None:
                mark = ", the best so far" if done.best else ""
                if done.began is not None:
                    mark += f" (it began with {done.began.mad:.2f} and {done.began.dtssd:.2f})"
                bar.say(
                    f"Step {done.step}: MAD {done.scores.mad:.2f}, dtSSD {done.scores.dtssd:.2f}"
                    f" on clips that it does not learn from{mark}."
                )

                if done.verdict is not None:
                    bar.say(f"  {compared(done.verdict)}")

        best = trainer.run(told, show, lambda text: bar.say(f"{text}."))
    if as_json:
        echo(json.dumps({"weights": str(best), "steps": last.step if last else told.steps}))
    else:
        echo(f"{best}; to use it: --weights {best}, or: python main.py weights import {best}")


def compared(verdict: Verdict) -> str:
    """One line: each kind's error relative to the reference's, and the worst item."""
    kinds = ", ".join(f"{name} {ratio:.2f}" for name, ratio in verdict.kinds.items())
    name, ratio = verdict.worst
    return (
        f"To the reference: {verdict.mean:.3f} ({kinds}); worst {name} {ratio:.2f}; "
        f"{verdict.worse} items more than 15% worse."
    )
