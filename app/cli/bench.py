"""`mattecam bench`: this chain beside the loop of every tutorial."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app.cli import chain_options as shared
from app.cli import cli


@cli.command()
@shared.with_chain(background="color:#00b140")
def bench(
    chain: shared.Chain,
    input: Annotated[  # noqa: A002
        str, typer.Argument(metavar="[INPUT]", help="A clip, a picture, a folder, or demo.")
    ] = "demo",
    rounds: Annotated[int, typer.Option(min=1, help="Turns that each contender takes.")] = 5,
    frames: Annotated[int, typer.Option(min=1, help="Frames of the clip to go round.")] = 60,
    as_json: shared.Json = False,
) -> None:
    """Measure this chain and the naive loop (torch float32, float numpy) in one run.

    Frames are in memory; decoding and encoding are not measured. Both get the same network size.
    """
    from app.bench.compare import compare
    from app.bench.contender import Job
    from app.cli.progress import progress_bar

    with progress_bar("Measuring", unit="rounds") as bar:
        runs = compare(
            Job(input, frames, chain),
            rounds=rounds,
            progress=lambda done, total: bar(done, total),
        )
    if as_json:
        typer.echo(json.dumps({"runs": runs}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "fps", "engine", "network", "stages, median ms", "peak MiB")
    for run in runs:
        stages = "  ".join(f"{name} {ms:.1f}" for name, ms in run["stages_ms"].items())
        where = f"{run['engine']} {run['device']} {run['precision']}"
        table.add_row(
            run["name"],
            f"{run['fps']:.1f}",
            where,
            run["network_size"],
            stages,
            f"{run['peak_memory_mb']:.0f}",
        )
    console = Console()
    console.print(table)
    by_name = {run["name"]: run["fps"] for run in runs}
    console.print(f"{by_name['mattecam'] / by_name['naive']:.1f} times the naive loop.")
    if note := runs[-1].get("note"):
        console.print(note)
