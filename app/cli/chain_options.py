"""The options that every command with the chain of steps shares, spelled once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.errors import UsageError

if TYPE_CHECKING:
    from app.chain import ChainSettings

_PANEL = "The matte"

Weights = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Which weights: a name from `weights list`, or your own file.",
        rich_help_panel=_PANEL,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="auto|openvino|torch", help="What runs the network.", rich_help_panel=_PANEL
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="auto|cpu|cuda|mps|...",
        help="Where it runs. What you name is used or refused, never replaced.",
        rich_help_panel=_PANEL,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="auto|float32|bfloat16|float16",
        help="The network's arithmetic; auto is what the device does fastest without harm.",
        rich_help_panel=_PANEL,
    ),
]
Size = Annotated[
    str,
    typer.Option(
        metavar="auto|WxH",
        help="The box that the network's input fits in, as in 512x288. auto: short side 288.",
        rich_help_panel=_PANEL,
    ),
]
Temporal = Annotated[
    str | None,
    typer.Option(
        metavar="off|ofd|...",
        help="The filter against flicker; ofd (One-Frame Delay) unless you say otherwise.",
        rich_help_panel=_PANEL,
    ),
]
Refine = Annotated[
    str | None,
    typer.Option(
        metavar="on|off",
        help="Mend the colours of the edge, so that the old room does not shine through.",
        rich_help_panel=_PANEL,
    ),
]
Mirror = Annotated[
    bool, typer.Option("--mirror", help="Flip the picture left to right.", rich_help_panel=_PANEL)
]
Plain = Annotated[
    bool,
    typer.Option(
        "--plain",
        help="MODNet as it comes: photographic weights, no temporal filter, no refinement.",
        rich_help_panel=_PANEL,
    ),
]
Background = Annotated[
    str,
    typer.Option(
        "--background",
        "-b",
        metavar="SPEC",
        help="blur, blur:25, color:#00b140, image:beach.jpg, video:waves.mp4, transparent, "
        "original, or simply a path.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="One line of JSON on stdout; progress goes to stderr.")
]


def chain_settings(
    *,
    weights: str | None,
    engine: str,
    device: str,
    precision: str,
    size: str,
    temporal: str | None,
    refine: str | None,
    mirror: bool,
    plain: bool,
    background: str,
) -> ChainSettings:
    """The settings that these options mean. `--plain` changes defaults; what is said wins."""
    from app.chain import ChainSettings
    from app.modnet.preprocess import NetworkSize
    from app.weights import store

    if refine not in (None, "on", "off"):
        raise UsageError(f"--refine is {refine!r}; it may be on or off.")
    if precision not in ("auto", "float32", "bfloat16", "float16"):
        raise UsageError(
            f"--precision is {precision!r}; it may be auto, float32, bfloat16 or float16."
        )
    return ChainSettings(
        weights=weights or (store.PLAIN if plain else store.DEFAULT),
        engine=engine,
        device=device,
        precision=precision,
        size=NetworkSize.parse(size),
        temporal=temporal or ("off" if plain else "ofd"),
        refine=(not plain) if refine is None else refine == "on",
        mirror=mirror,
        background=background,
    )
