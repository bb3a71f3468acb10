"""`mattecam convert`: a clip, a picture or a folder of pictures, with another background."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import chain_options as shared
from app.cli import cli
from app.cli.printing import echo
from app.errors import UsageError
from app.outputs.pipes import STANDARD_OUTPUT

if TYPE_CHECKING:
    from app.convert import Conversion


@cli.command()
@shared.with_chain(background="blur")
def convert(
    chain: shared.Chain,
    input: Annotated[  # noqa: A002
        str,
        typer.Argument(
            metavar="INPUT", help="A video, a picture, a folder, demo, or - for standard input."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="By its ending: .mp4 .mkv .webm .mov, .png .jpg, or a folder for a sequence. "
            "Transparent needs .webm, .mov, .png or a folder. - is standard output.",
        ),
    ],
    view: Annotated[
        str,
        typer.Option(
            "--show",
            metavar="VIEW",
            help="composite, matte, foreground, side-by-side or original.",
        ),
    ] = "composite",
    fps: Annotated[
        float | None, typer.Option(help="Frames a second for a folder of pictures (25).")
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(help="Of a pipe (-o -): mkv, webm, mp4 (in fragments), ts or mjpeg."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: shared.Json = False,
    progress_json: Annotated[
        bool,
        typer.Option(
            "--progress-json",
            help="Lines of JSON on stdout while it goes on: frames, total, seconds_left, and now "
            "and then a small JPEG as base64 (picture). For programs.",
        ),
    ] = False,
) -> None:
    """Put the person in INPUT on another background.

    Sound, frame times and colours are kept; as many frames come out as went in.
    """
    from app.cli.progress import progress_bar
    from app.cli.progress_lines import ProgressLines
    from app.convert import Conversion
    from app.views import View

    try:
        chosen = View(view)
    except ValueError:
        known = ", ".join(v.value for v in View)
        raise UsageError(f"--show is {view!r}; it may be {known}.") from None
    conversion = Conversion(
        input=input,
        output=output,
        settings=chain,
        view=chosen,
        rate=fps,
        force=force,
        format=format,
    )
    to_stdout = output == STANDARD_OUTPUT
    if to_stdout and (as_json or progress_json):
        raise UsageError(
            "Standard output is the video's (-o -); leave --json and --progress-json out."
        )
    started = time.monotonic()
    announced = False
    lines = ProgressLines(echo) if progress_json else None
    with progress_bar(f"{input} → {output}", silent=progress_json) as bar:

        def advance(now: Conversion) -> None:
            nonlocal announced
            if not announced:
                announced = True
                bar.say(_what_runs(now))
            bar(now.frames_out, now.total)
            if lines is not None:
                lines(now.frames_out, now.total, now.picture)

        try:
            conversion.run(progress=advance)
        except KeyboardInterrupt:
            if conversion.frames_out:
                bar.say(f"Stopped. {output} holds the first {conversion.frames_out} frames.")
            raise
    seconds = time.monotonic() - started
    if as_json:
        echo(json.dumps(_report(conversion, seconds)))
    else:
        skipped = f", {conversion.skipped} could not be decoded" if conversion.skipped else ""
        rate = conversion.frames_out / seconds
        frames = "1 frame" if conversion.frames_out == 1 else f"{conversion.frames_out} frames"
        echo(f"{output}: {frames}{skipped}, {seconds:.1f} s, {rate:.1f} fps.", err=to_stdout)


def _what_runs(conversion: Conversion) -> str:
    ran = conversion.description
    text = (
        f"{ran['weights']} with {ran['engine']} on {ran['device']} ({ran['device_name']}), "
        f"{ran['precision']}, network {ran['network_size']}"
    )
    return f"{text}. {ran['note']}" if ran["note"] else text


def _report(conversion: Conversion, seconds: float) -> dict[str, object]:
    import statistics

    return {
        "input": conversion.input,
        "output": str(conversion.output),
        "frames_in": conversion.frames_in,
        "frames_out": conversion.frames_out,
        "skipped": conversion.skipped,
        "seconds": round(seconds, 3),
        "fps": round(conversion.frames_out / seconds, 3),
        **conversion.description,
        "stages_ms": {
            name: round(statistics.median(times) * 1e3, 3)
            for name, times in conversion.times.seconds.items()
        },
    }
