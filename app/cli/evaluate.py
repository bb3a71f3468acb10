"""`evaluate`: how good the matte is, measured on pictures and clips with known alpha."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.cli import chain_options as shared
from app.cli import cli
from app.cli.printing import echo, echo_page
from app.errors import UsageError
from app.plain_text import readable

if TYPE_CHECKING:
    from app.chain import ChainSettings
    from app.cli.progress import Bar
    from app.evaluation.metrics import Scores
    from app.evaluation.report import Report
    from app.evaluation.runner import Protocol

T = TypeVar("T")

evaluate = typer.Typer(
    no_args_is_help=True, help="Measure the matte on pictures and clips with known alpha."
)
cli.add_typer(evaluate, name="evaluate")

Folder = Annotated[Path, typer.Argument(metavar="DIR", show_default=False)]
Baseline = Annotated[
    bool,
    typer.Option(
        "--baseline",
        help="Measure plain MODNet (released weights, bilinear, no filter) at the same network "
        "size as well, and the geometric mean over items of the ratio to it.",
    ),
]
ContactSheet = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png", help="Draw picture, truth, result and error of each item here."
    ),
]


@evaluate.command()
@shared.with_chain(background=None)
def images(
    chain: shared.Chain,
    folder: Folder,
    protocol: Annotated[
        str,
        typer.Option(
            metavar="native|ppm100", help="ppm100: the network's short side is 512, as published."
        ),
    ] = "native",
    baseline: Baseline = False,
    contact_sheet: ContactSheet = None,
    as_json: shared.Json = False,
) -> None:
    """Measure pictures: DIR has image/ and beside it alpha/ (or matte/, or pha/).

    Scales: MAD, MSE x 1e3; SAD, Grad, Conn / 1e3. Band: near the edge of the true alpha only.
    """
    from app.evaluation.datasets import find_stills
    from app.evaluation.report import check_picture_path, write_contact_sheet
    from app.evaluation.runner import Conditions, evaluate_stills

    if contact_sheet is not None:
        check_picture_path(contact_sheet, what="A contact sheet")
    _keep_what_is_read(folder, chain, contact_sheet)
    conditions = Conditions(protocol=_protocol(protocol), baseline=baseline)
    stills = find_stills(folder)
    report = _with_bar(
        lambda bar: evaluate_stills(stills, chain, conditions, progress=bar), unit="pictures"
    )
    if contact_sheet is not None:
        write_contact_sheet(report, contact_sheet)
    _show(report, as_json=as_json)


@evaluate.command()
@shared.with_chain(background=None)
def video(
    chain: shared.Chain,
    folder: Folder,
    max_frames: Annotated[
        int | None, typer.Option(min=1, help="Of each clip, so many frames at most.")
    ] = None,
    simulate_fps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Drop the frames that a live run at N a second would drop; the last result "
            "is held.",
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames a second of clips that are folders (25).")
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            metavar="native|rvm",
            help="rvm: the network sees 512x288, as RobustVideoMatting has it.",
        ),
    ] = "native",
    baseline: Baseline = False,
    contact_sheet: ContactSheet = None,
    curve: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw the error of each clip over time here."),
    ] = None,
    as_json: shared.Json = False,
) -> None:
    """Measure clips: DIR holds folders with com/ and pha/, or NAME.mp4 with NAME.alpha.mp4.

    Scales: MAD, MSE, flicker x 1e3; dtSSD x 1e2; SAD, Grad, Conn / 1e3. Band: near the edge of the
    true alpha only.
    """
    from fractions import Fraction

    from app.evaluation.datasets import DEFAULT_RATE, find_clips
    from app.evaluation.report import check_picture_path, write_contact_sheet, write_curves
    from app.evaluation.runner import Conditions, evaluate_clips

    for path, what in ((contact_sheet, "A contact sheet"), (curve, "A curve")):
        if path is not None:
            check_picture_path(path, what=what)
    _keep_what_is_read(folder, chain, contact_sheet, curve)
    if fps is not None and not 0.001 <= fps <= 1000:
        raise UsageError("--fps must lie between 0.001 and 1000.")
    conditions = Conditions(
        protocol=_protocol(protocol),
        max_frames=max_frames,
        simulate_fps=simulate_fps,
        rate=DEFAULT_RATE if fps is None else Fraction(fps).limit_denominator(1_000_000),
        baseline=baseline,
    )
    clips = find_clips(folder)
    report = _with_bar(
        lambda bar: evaluate_clips(clips, chain, conditions, progress=bar), unit="frames"
    )
    if contact_sheet is not None:
        write_contact_sheet(report, contact_sheet)
    if curve is not None:
        write_curves(report, curve)
    _show(report, as_json=as_json)


@evaluate.command()
def compose(
    out: Annotated[Path, typer.Argument(metavar="OUT", show_default=False)],
    foregrounds: Annotated[
        Path, typer.Option(help="Pictures with alpha, and folders of them, one for each clip.")
    ],
    backgrounds: Annotated[Path, typer.Option(help="Pictures and videos without people.")],
    seed: Annotated[int, typer.Option(min=0, help="Another number, another set.")] = 0,
    frames: Annotated[int, typer.Option(min=1, help="Of each clip, so many at most.")] = 75,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="The box that frames fit in; else the person's own size."),
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="Clips, and pictures, of each person.")] = 2,
    pace: Annotated[
        float, typer.Option(min=0.1, max=20.0, help="How many times as fast stills are moved.")
    ] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder in use.")] = False,
    as_json: shared.Json = False,
) -> None:
    """Make clips (OUT/video) and pictures (OUT/images) with known alpha.

    A still is moved smoothly; a room is still, panned over, or a video. The same folders and the
    same seed give the same files.
    """
    from dataclasses import asdict

    from app.evaluation.compose import Composition
    from app.evaluation.compose import compose as run

    job = Composition(
        out=out,
        foregrounds=foregrounds,
        backgrounds=backgrounds,
        seed=seed,
        frames=frames,
        size=None if size is None else _frame_size(size),
        each=each,
        pace=pace,
        force=force,
    )
    made = _with_bar(lambda bar: run(job, progress=bar), unit="pictures", title="Composing")
    if as_json:
        echo(json.dumps({"items": [asdict(item) for item in made]}))
        return
    clips = sum(item.kind == "video" for item in made)
    echo(f"{out}: {clips} clips in video/, {len(made) - clips} pictures in images/.")


@evaluate.command()
def tables(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help="A folder with foregrounds_video/, foregrounds_still/, backgrounds/ and "
            "portraits_*/; what is not there is left out.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.md", help="Write here, not to stdout."),
    ] = None,
    frames: Annotated[int, typer.Option(min=3, help="Of each clip, so many at most.")] = 25,
    weights: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Show these beside the released weights, too."),
    ] = None,
    engine: shared.Engine = "auto",
    device: shared.Device = "auto",
    precision: shared.Precision = "auto",
) -> None:
    """Write the page that backs the defaults (docs/quality.md): each beside its rivals."""
    from app.chain import ChainSettings
    from app.errors import InputError, OutputError
    from app.evaluation.quality import quality_page
    from app.weights import store

    if not data.is_dir():
        raise InputError(f"There is no folder {data}; check the name.")
    _keep_what_is_read(data, ChainSettings(weights=weights or store.DEFAULT), output)
    arguments = "" if weights is None else f" --weights {weights}"
    arguments += "" if output is None else f" -o {output}"
    page = _with_bar(
        lambda bar: quality_page(
            data,
            ChainSettings(
                weights=weights or store.DEFAULT,
                engine=engine,
                device=device,
                precision=precision,
            ),
            frames=frames,
            command=f"python main.py evaluate tables DATA --frames {frames}{arguments}",
            progress=bar.say,
        ),
        unit="tables",
    )
    if output is None:
        echo_page(page)
        return
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error.strerror or error}.") from None


def _keep_what_is_read(folder: Path, chain: ChainSettings, *writes: Path | None) -> None:
    """Raises UsageError where one of `writes` is a file that is measured, or of the chain."""
    from app.chain import files_read
    from app.outputs.read_files import Reading, refuse_to_overwrite

    written = [path for path in writes if path is not None]
    if written:
        refuse_to_overwrite(written, [Reading("what is measured", folder), *files_read(chain)])


def _protocol(name: str) -> Protocol:
    from app.evaluation.runner import Protocol

    try:
        return Protocol(name)
    except ValueError:
        known = ", ".join(one.value for one in Protocol)
        raise UsageError(f"--protocol is {name!r}; it may be {known}.") from None


def _frame_size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", text)
    if match is None or min(int(match[1]), int(match[2])) < 16:
        raise UsageError(f"--size is {text!r}; it must be WIDTHxHEIGHT, as in 1280x720.")
    return int(match[1]), int(match[2])


def _with_bar(work: Callable[[Bar], T], *, unit: str, title: str = "Measuring") -> T:
    from app.cli.progress import progress_bar

    with progress_bar(title, unit=unit) as bar:
        return work(bar)


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        echo(json.dumps(report.as_dict()))
        return
    from rich import box
    from rich.table import Column, Table

    from app.cli.terminal import Terminal
    from app.evaluation.metrics import BAND, MOTION_METRICS, STILL_METRICS

    names = [*STILL_METRICS, *(MOTION_METRICS if report.kind == "video" else ())]
    # MAD and Grad near the edge are what the eye judges.
    names += [f"mad{BAND}", f"grad{BAND}"]
    table = Table(
        Column("", overflow="fold"),
        *(Column(name.replace("_", "\n"), justify="right", no_wrap=True) for name in names),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )

    def row(title: str, scores: Scores, style: str = "") -> None:
        table.add_row(readable(title), *(_number(scores.get(name)) for name in names), style=style)

    for item in report.items:
        row(item.name, item.ours.scores)
        if item.baseline is not None:
            row("  plain", item.baseline.scores, "dim")
    table.add_section()
    row("mean", report.mean, "bold")
    if report.baseline_settings is not None:
        row("  plain", report.baseline_mean, "dim")
        row("ratio to plain", report.ratio, "bold")
    console = Terminal()
    if not console.is_terminal:
        console.width = 160  # a file or a pipe has no width of its own
    console.print(table)
    ran = report.settings
    console.print(
        f"{ran['weights']} with {ran['engine']} on {ran['device']}, {ran['precision']}, "
        f"network {report.items[0].network_size}, temporal {ran['temporal']}, "
        f"refine {'on' if ran['refine'] else 'off'}.",
        soft_wrap=True,
        highlight=False,
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:#.4g}"
