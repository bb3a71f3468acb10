"""The options for what is done to the matte and to the light on the person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.errors import UsageError

_PANEL = "The matte"
_LIGHT = "The light"
MOST_PERSONS = 9

KeepRegion = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE.png",
        help="A painting of the frame: what is white in it is always kept. Several may be given.",
        rich_help_panel=_PANEL,
    ),
]
DropRegion = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE.png",
        help="A painting of the frame: what is white in it is never kept.",
        rich_help_panel=_PANEL,
    ),
]
Persons = Annotated[
    str,
    typer.Option(
        metavar="everyone|main|N",
        help="Keep only the person who matters, or N of them; who passes behind stays away.",
        rich_help_panel=_PANEL,
    ),
]
CleanPlate = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png",
        help="A picture of the empty room: decides where the network is not sure.",
        rich_help_panel=_PANEL,
    ),
]
Light = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SPEC",
        help="wrap, wrap:0.6, match, match:brightness=0.4,colour=0.2; may be given several times.",
        rich_help_panel=_LIGHT,
    ),
]


def specs(
    *,
    keep: Sequence[Path] | None,
    drop: Sequence[Path] | None,
    persons: str,
    clean_plate: Path | None,
) -> tuple[str, ...]:
    """What these options mean, as specs of matte steps. Raises UsageError."""
    found = []
    if clean_plate is not None:
        found.append(f"clean-plate:{clean_plate}")
    if persons != "everyone":
        count = "1" if persons == "main" else persons
        if not (count.isascii() and count.isdecimal() and 1 <= int(count) <= MOST_PERSONS):
            raise UsageError(
                f"--persons is {persons!r}; it may be everyone, main or a number from 1 to "
                f"{MOST_PERSONS}."
            )
        found.append(f"persons:{int(count)}")
    found += [f"drop-region:{path}" for path in drop or ()]
    found += [f"keep-region:{path}" for path in keep or ()]
    return tuple(dict.fromkeys(found))
