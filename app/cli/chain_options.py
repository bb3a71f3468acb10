"""The options that every command with the chain of steps shares, spelled once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, cast

import typer

from app.cli import step_options
from app.errors import UsageError

if TYPE_CHECKING:
    from app.chain import ChainSettings

    Chain: TypeAlias = ChainSettings
else:
    Chain = Any  # app.chain draws in OpenCV, which --help must not wait for

Command = TypeVar("Command", bound=Callable[..., None])
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
        metavar="auto|float32|bfloat16|float16|int8",
        help="The network's arithmetic; auto is what the device does fastest without harm.",
        rich_help_panel=_PANEL,
    ),
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile",
        help="torch compiles the network first: a minute at the start, for speed on a GPU.",
        rich_help_panel=_PANEL,
    ),
]
Norms = Annotated[
    str | None,
    typer.Option(
        metavar="auto|exact|scene|fixed",
        help="The network's norms: with each picture's own statistics, as MODNet; with those of the"
        " scene, working out the edge where the person is, which is faster and gives the same"
        " matte; or with stored ones, which is faster, too. auto: scene, or fixed where stored.",
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
FollowSubject = Annotated[
    bool,
    typer.Option(
        "--size-follows-subject",
        help="A smaller input for the network while the person fills the picture.",
        rich_help_panel=_PANEL,
    ),
]
Temporal = Annotated[
    str | None,
    typer.Option(
        metavar="off|steady|ofd|gated",
        help="The filter against flicker; steady unless you say otherwise. gated adds no delay.",
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
EdgeShift = Annotated[
    float,
    typer.Option(
        min=-20,
        max=20,
        metavar="PIXELS",
        help="Moves the edge outwards, or inwards below 0.",
        rich_help_panel=_PANEL,
    ),
]
EdgeFeather = Annotated[
    float,
    typer.Option(min=0, max=40, metavar="PIXELS", help="Blurs the edge.", rich_help_panel=_PANEL),
]
EdgeContrast = Annotated[
    int,
    typer.Option(
        min=-100,
        max=100,
        metavar="PERCENT",
        help="Hardens the edge, or softens it below 0.",
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


def with_chain(*, background: str | None) -> Callable[[Command], Command]:
    """Gives a command all of these options; it gets what they mean as `chain: Chain`.

    background: the default of `--background`, or None for a command that shows none.
    """

    def decorate(command: Command) -> Command:
        options = inspect.signature(_settings, eval_str=True).parameters
        shared = {
            name: option.replace(default=background) if name == "background" else option
            for name, option in options.items()
            if name != "background" or background is not None
        }

        @functools.wraps(command)
        def with_settings(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in shared}
            command(chain=_settings(**chosen), **given)

        own = dict(inspect.signature(command, eval_str=True).parameters)
        del own["chain"]
        # typer reads the signature; keyword-only, because some of the defaults come before none.
        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in (*own.values(), *shared.values())
        ]
        vars(with_settings)["__signature__"] = inspect.Signature(parameters)
        with_settings.__annotations__ = {p.name: p.annotation for p in parameters}
        return cast(Command, with_settings)

    return decorate


def _settings(
    *,
    background: Background = "transparent",
    weights: Weights = None,
    engine: Engine = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = False,  # noqa: A002
    norms: Norms = None,
    size: Size = "auto",
    size_follows_subject: FollowSubject = False,
    temporal: Temporal = None,
    refine: Refine = None,
    keep_region: step_options.KeepRegion = None,
    drop_region: step_options.DropRegion = None,
    persons: step_options.Persons = "everyone",
    clean_plate: step_options.CleanPlate = None,
    light: step_options.Light = None,
    edge_shift: EdgeShift = 0.0,
    edge_feather: EdgeFeather = 0.0,
    edge_contrast: EdgeContrast = 0,
    mirror: Mirror = False,
    plain: Plain = False,
) -> Chain:
    """The settings that these options mean. `--plain` changes defaults; what is said wins."""
    from app.chain import ChainSettings
    from app.modnet.preprocess import NetworkSize
    from app.weights import store

    if refine not in (None, "on", "off"):
        raise UsageError(f"--refine is {refine!r}; it may be on or off.")
    if precision not in ("auto", "float32", "bfloat16", "float16", "int8"):
        raise UsageError(
            f"--precision is {precision!r}; it may be auto, float32, bfloat16, float16 or int8."
        )
    if norms not in (None, "auto", "exact", "scene", "fixed"):
        raise UsageError(f"--norms is {norms!r}; it may be auto, exact, scene or fixed.")
    return ChainSettings(
        weights=weights or (store.PLAIN if plain else store.DEFAULT),
        engine=engine,
        device=device,
        precision=precision,
        compile=compile,
        norms=norms or ("exact" if plain else "auto"),
        size=NetworkSize.parse(size),
        size_follows_subject=size_follows_subject,
        temporal=temporal or ("off" if plain else "steady"),
        refine=(not plain) if refine is None else refine == "on",
        edge=_edge(shift=edge_shift, feather=edge_feather, contrast=edge_contrast),
        mirror=mirror,
        background=background,
        steps=step_options.specs(
            keep=keep_region, drop=drop_region, persons=persons, clean_plate=clean_plate
        ),
        light=tuple(dict.fromkeys(light or ())),
    )


def _edge(*, shift: float, feather: float, contrast: int) -> str:
    """The options of the edge as the settings spell them."""
    from app.refine.edge import Edge, edge_tools

    options = Edge.Options(shift, feather, contrast)
    return "edge" if options == Edge.Options() else edge_tools.spec_of("edge", options)
