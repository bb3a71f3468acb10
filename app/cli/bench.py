"""`mattecam bench`: this chain beside the loop of every tutorial."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import chain_options as shared
from app.cli import cli
from app.cli.printing import echo
from app.errors import OutputError, UsageError
from app.pace.quality import Quality

if TYPE_CHECKING:
    from app.bench.job import Job


class _Mode(str, Enum):
    LOSSLESS = "lossless"
    LIVE = "live"


class _Feed(str, Enum):
    MEMORY = "memory"
    MJPEG = "mjpeg"


@cli.command()
@shared.with_chain(background="color:#00b140")
def bench(
    chain: shared.Chain,
    input: Annotated[  # noqa: A002
        str, typer.Argument(metavar="[INPUT]", help="A clip, a picture, a folder, or demo.")
    ] = "demo",
    frame_size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Frames are brought to this size; else they keep theirs."),
    ] = None,
    mode: Annotated[
        _Mode,
        typer.Option(help="One thread and no frame lost, or the live app's threads."),
    ] = _Mode.LOSSLESS,
    feed: Annotated[
        _Feed, typer.Option(help="Frames in memory, or decoded from MJPEG as from a webcam.")
    ] = _Feed.MEMORY,
    rate: Annotated[
        float, typer.Option(min=1, max=240, help="Frames a second that come in, live.")
    ] = 60.0,
    quality: Annotated[
        Quality, typer.Option(help="Live: the size stays (best), or is chosen for the rate.")
    ] = Quality.BEST,
    beside: Annotated[
        str,
        typer.Option(metavar="naive,onnxruntime|none", help="What is measured in the same run."),
    ] = "naive,onnxruntime",
    grid: Annotated[
        bool, typer.Option("--grid", help="All sizes and modes, one after the other; takes long.")
    ] = False,
    startup: Annotated[
        bool, typer.Option("--startup", help="Also the time to the first matte, cold and warm.")
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Turns that each contender takes.")] = 5,
    seconds: Annotated[
        float, typer.Option(min=0.05, max=600, help="How long a turn takes, about.")
    ] = 2.0,
    frames: Annotated[int, typer.Option(min=1, help="Frames of the clip to go round.")] = 60,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Also draws frames a second.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE.md", help="Also writes the page, and its plot beside it."),
    ] = None,
    as_json: shared.Json = False,
) -> None:
    """Measure this chain, the naive loop (torch float32, float numpy) and the same loop with ONNX
    Runtime in one run, at the same network size.
    """
    from app.bench import machine, report
    from app.bench.compare import compare
    from app.bench.grid import cells
    from app.bench.job import Job
    from app.chain import files_read
    from app.cli.progress import progress_bar
    from app.outputs.read_files import Reading, refuse_to_overwrite
    from app.sources.open import file_read

    pages = [path for path in (plot, write) if path is not None]
    refuse_to_overwrite(
        [*pages, *(path.with_suffix(".svg") for path in pages)],
        [Reading("the input itself", file_read(input)), *files_read(chain)],
    )
    job = Job(
        input,
        frames,
        chain,
        frame_size=None if frame_size is None else _parse_size(frame_size),
        mode=mode.value,
        feed=feed.value,
        rate=rate,
        quality=quality,
    )
    jobs = list(cells(job)) if grid else [(job, _parse_beside(beside))]
    measured: list[list[dict[str, Any]]] = []
    about = machine.describe()
    with progress_bar("Measuring", unit="rounds") as bar:
        for number, (cell, others) in enumerate(jobs):

            def progress(done: int, total: int, number: int = number) -> None:
                bar(number * total + done, len(jobs) * total)

            measured.append(
                compare(cell, beside=others, rounds=rounds, seconds=seconds, progress=progress)
            )
    started = _startup(job) if startup or write is not None else None
    runs = [run for cell in measured for run in cell]
    if plot is not None:
        _save(plot, report.plot_svg(runs))
    if write is not None:
        picture = write.with_suffix(".svg")
        _save(picture, report.plot_svg(runs))
        command = _command(job, frame_size, grid=grid, write=write)
        _save(write, report.page(about, measured, started, command=command, plot=picture.name))
    if as_json:
        told = {"machine": about, "runs": runs}
        echo(json.dumps(told if started is None else {**told, "startup": started}))
        return
    _show(about, measured, started)


def _show(
    about: dict[str, Any], measured: Sequence[Sequence[dict[str, Any]]], started: Any
) -> None:
    from rich.table import Table

    from app.bench import report
    from app.cli.terminal import Terminal

    console = Terminal()
    console.print(report.describe_machine(about), soft_wrap=True, highlight=False)
    # The stages are too long for a column of a terminal.
    table = Table(*report.HEAD[:-1])
    for cell in measured:
        for run in cell:
            table.add_row(*report.row(run)[:-1])
        table.add_section()
    console.print(table)
    console.print(f"{report.HEAD[-1]}:")
    for run in (run for cell in measured for run in cell):
        console.print(f"  {report.label(run)}: {report.row(run)[-1]}", highlight=False)
    for cell in measured:
        for sentence in report.ratios(cell):
            console.print(f"{cell[-1]['frame_size']}, {cell[-1]['network_size']}: {sentence}")
    for run in (run for cell in measured for run in cell):
        if delay := run.get("latency_ms"):
            console.print(
                f"Live, {run['network_size']}: {run['fps']:.1f} of {run['rate_in']:g} fps, delay "
                f"{delay['median']:.0f} ms (p95 {delay['p95']:.0f})."
            )
    if started is not None:
        console.print(
            f"First matte after {started['cold_s']} s cold, {started['warm_s']} s warm"
            f" ({'with' if started['warm_imports_torch'] else 'without'} torch)."
        )
    if note := measured[-1][-1].get("note"):
        console.print(note)


def _startup(job: Job) -> dict[str, Any]:
    from app.bench import startup

    chain = job.settings
    plain = {
        "weights": chain.weights,
        "engine": chain.engine,
        "device": chain.device,
        "precision": chain.precision,
        "compile": chain.compile,
        "norms": chain.norms,
        "size": str(chain.size),
        "temporal": "off",  # a filter with a delay would hold the first matte back
        "background": "color:#00b140",
    }
    return startup.measure(plain, job.frame_size or (1280, 720))


def _command(job: Job, frame_size: str | None, *, grid: bool, write: Path) -> str:
    """What makes the page again, as far as it decides what is on it."""
    words = ["python main.py bench"]
    if grid:
        words.append("--grid")
    else:
        words += [f"--frame-size {frame_size}"] if frame_size else []
        words += [f"--size {job.settings.size}", f"--mode {job.mode}"]
    return " ".join((*words, f"--write {write}"))


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--frame-size is {text!r}; it must be WIDTHxHEIGHT, as in 1280x720.")
    size = int(width), int(height)
    if not all(16 <= side <= 8192 for side in size):
        raise UsageError(f"--frame-size is {text}; each side must be from 16 to 8192 pixels.")
    return size


def _parse_beside(text: str) -> tuple[str, ...]:
    from app.bench.compare import BESIDE

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names == ("none",):
        return ()
    unknown = [name for name in names if name not in BESIDE]
    if unknown:
        raise UsageError(f"--beside knows {', '.join(BESIDE)} and none, not {unknown[0]!r}.")
    return names


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error
