"""`mattecam bench-recording`: what a recording costs the virtual camera."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import chain_options as shared
from app.cli import cli
from app.cli.printing import echo
from app.errors import UsageError
from app.pace.quality import Quality
from app.system.temporary import temporary_folder

if TYPE_CHECKING:
    from app.bench.recording_cost import Cost


@cli.command("bench-recording")
@shared.with_chain(background="blur")
def bench_recording(
    chain: shared.Chain,
    input: Annotated[  # noqa: A002
        str, typer.Argument(metavar="[INPUT]", help="A clip, a picture, a folder, or demo.")
    ] = "demo",
    frame_size: Annotated[
        str, typer.Option(metavar="WxH", help="The camera's size, and the recording's.")
    ] = "1280x720",
    rate: Annotated[float, typer.Option(min=1, max=120, help="The camera's rate.")] = 30.0,
    quality: Annotated[
        Quality, typer.Option(help="What is kept: the rate, or the network's size.")
    ] = Quality.SMOOTH_30,
    what: Annotated[
        list[str] | None,
        typer.Option("--record-what", help="As in `live`; may be given several times."),
    ] = None,
    ending: Annotated[
        str, typer.Option("--record-format", metavar=".mp4|.mkv|.webm|.mov")
    ] = ".mp4",
    cores: Annotated[
        int, typer.Option(min=1, help="Processor cores that all of it gets; 2 is a small laptop.")
    ] = 2,
    pairs: Annotated[int, typer.Option(min=1, help="Turns without, and as many with.")] = 4,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long a turn takes.")] = 10.0,
    as_json: shared.Json = False,
) -> None:
    """Count the virtual camera's pictures with a recording and without, turn by turn.

    The camera is one in memory at a webcam's pace; the virtual camera does all but write to its
    device. A tone stands for the microphone. The clips are thrown away.
    """
    from app.bench import machine, report
    from app.bench.job import Job
    from app.bench.recording_cost import measure, summary
    from app.cli.progress import progress_bar
    from app.recording.formats import FORMATS

    if not FORMATS.get(ending) or not ending:
        raise UsageError(
            f"--record-format is {ending!r}; it may be {', '.join(e for e in FORMATS if e)}."
        )
    used = _keep_to(cores)
    job = Job(
        input,
        60,
        chain,
        frame_size=_parse_size(frame_size),
        mode="live",
        feed="mjpeg",
        rate=rate,
        quality=quality,
    )
    about = machine.describe()
    with (
        progress_bar("Measuring", unit="turns") as bar,
        temporary_folder("bench") as folder,
    ):
        costs = measure(
            job,
            folder,
            ending=ending,
            what=what or ["composite"],
            pairs=pairs,
            seconds=seconds,
            progress=bar,
        )
    told = summary(costs)
    if as_json:
        turns = [dataclasses.asdict(cost) for cost in costs]
        echo(json.dumps({"machine": about, "cores": used, **told, "turns": turns}))
        return
    echo(report.describe_machine(about))
    for line in _lines(costs, told, used):
        echo(line)


def _lines(costs: Sequence[Cost], told: Mapping[str, float], cores: int) -> list[str]:
    lines = [
        f"{'with' if cost.recorded else 'without'} a recording: {cost.came} came, {cost.shown} "
        f"shown, {cost.resent} resent in {cost.seconds:.1f} s at {cost.network_size}"
        + (f"; {cost.written} written, {cost.dropped} dropped" if cost.recorded else "")
        for cost in costs
    ]
    lines.append(
        f"On {cores} cores the virtual camera got {told['shown_without']:.1f} new pictures a "
        f"second without a recording and {told['shown_with']:.1f} with one: {told['lost']:+.2f} "
        f"lost to it, where turns without one differ by {told['noise']:.2f}. The recording took "
        f"{told['cores_with'] - told['cores_without']:.2f} cores and dropped "
        f"{told['dropped']:.0f} of its own pictures."
    )
    return lines


def _keep_to(cores: int) -> int:
    """Leaves this process so many of its cores, where the system can do that: how many it has."""
    import psutil

    process = psutil.Process()
    if not hasattr(process, "cpu_affinity"):  # macOS
        return psutil.cpu_count() or 1
    now: list[Any] = process.cpu_affinity() or []
    if len(now) > cores:
        process.cpu_affinity(now[:cores])
    return min(cores, len(now))


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 16):
        raise UsageError(f"--frame-size is {text!r}; it must be WIDTHxHEIGHT, as in 1280x720.")
    return int(width), int(height)
