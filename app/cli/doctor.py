"""`mattecam doctor`: what there is, what is missing, and what mends it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import cli
from app.cli.printing import echo

if TYPE_CHECKING:
    from app.doctor import Check

_MARKS = {"ok": ("ok", "green"), "warn": ("look", "yellow"), "missing": ("missing", "red")}


@cli.command()
def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Also try torch's devices; takes seconds more.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on stdout instead.")
    ] = False,
) -> None:
    """Look at cameras, virtual cameras, engines, codecs and weights, and say what mends them.

    Ends with exit code 1 only where something is missing without which nothing works.
    """
    from app.doctor import SIGHTS, examine, is_fit

    checks = examine(deep=deep)
    fit = is_fit(checks)
    if as_json:
        content = {
            "fit": fit,
            "checks": [dataclasses.asdict(check) for check in checks],
            "sights": [dataclasses.asdict(sight) for sight in SIGHTS],
        }
        echo(json.dumps(content))
    else:
        _show(checks)
    if not fit:
        raise typer.Exit(1)


def _show(checks: Sequence[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    from app.cli.terminal import Terminal
    from app.doctor import SIGHT_NOTES, SIGHTS

    console = Terminal()
    width = max(len(check.name) for check in checks)
    for section in dict.fromkeys(check.section for check in checks):
        console.print(Text(section, style="bold"))
        for check in (check for check in checks if check.section == section):
            mark, style = _MARKS[check.state]
            line = Text(f"  {mark:8}", style=style)
            line.append(f"{check.name:{width}}  {check.sentence}", style="default")
            # Lines are not wrapped: a command has to survive copying.
            console.print(line, soft_wrap=True)
            if check.remedy is not None:
                console.print(Text(f"{'':{width + 12}}{check.remedy}", "cyan"), soft_wrap=True)
        console.print()
    console.print(Text("Which call program sees which virtual camera", style="bold"))
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("", "v4l2loopback", "PipeWire", "OBS", "UnityCapture"):
        table.add_column(column, header_style="")
    for sight in SIGHTS:
        kinds = (sight.v4l2loopback, sight.pipewire, sight.obs, sight.unitycapture)
        table.add_row(Text(sight.program), *(Text(kind or "no") for kind in kinds))
    console.print(table)
    for note in SIGHT_NOTES:
        console.print(Text(note), soft_wrap=True)
