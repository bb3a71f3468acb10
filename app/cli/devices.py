"""`mattecam devices`: the cameras and the microphones that are there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import cli
from app.cli.printing import echo

if TYPE_CHECKING:
    from app.sound.devices import MicrophoneInfo
    from app.sources.devices import CameraInfo


@cli.command()
def devices(
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on stdout instead.")
    ] = False,
) -> None:
    """List the cameras: what stands after `--source camera:`, their names, sizes and rates.

    The microphones' names stand after `--microphone`.
    """
    from app.sources.devices import list_cameras

    cameras = list_cameras()
    microphones, silence = _microphones()
    if as_json:
        told = {
            "cameras": [_as_json(camera) for camera in cameras],
            "microphones": [_microphone_as_json(microphone) for microphone in microphones],
            "microphones_problem": silence,
        }
        echo(json.dumps(told))
    else:
        _show(cameras)
        _show_microphones(microphones, silence)


def _microphones() -> tuple[Sequence[MicrophoneInfo], str | None]:
    """Those that are there, or why the system's sound cannot be used."""
    from app.errors import InputError
    from app.sound.devices import list_microphones

    try:
        return list_microphones(), None
    except InputError as error:
        return (), str(error)


def _microphone_as_json(microphone: MicrophoneInfo) -> dict[str, Any]:
    return {
        "name": microphone.name,
        "channels": microphone.channels,
        "default": microphone.default,
    }


def _show_microphones(microphones: Sequence[MicrophoneInfo], silence: str | None) -> None:
    if silence is not None:
        echo(silence)
    elif not microphones:
        echo("No microphone is connected.")
    for microphone in microphones:
        chosen = " (the system's own choice)" if microphone.default else ""
        echo(f"Microphone: {microphone.name}{chosen}")


def _as_json(camera: CameraInfo) -> dict[str, Any]:
    return {
        "id": camera.id,
        "name": camera.name,
        "path": camera.path,
        "virtual": camera.virtual,
        "problem": camera.problem,
        "formats": [
            {
                "size": f"{item.size[0]}x{item.size[1]}",
                "rates": list(item.rates),
                "pixel_format": item.pixel_format,
            }
            for item in camera.formats
        ],
    }


def _show(cameras: Sequence[CameraInfo]) -> None:
    from rich.table import Table

    from app.cli.terminal import Terminal, plain

    console = Terminal()
    if not cameras:
        console.print("No camera is connected. `python main.py doctor` looks closer.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Camera", "Name", "Path", "Sizes (largest rate, format)"):
        table.add_column(column)
    for camera in cameras:
        name = camera.name + (" (made by a program)" if camera.virtual else "")
        offers = plain(_offers(camera) if camera.problem is None else camera.problem)
        table.add_row(plain(camera.id), plain(name), plain(camera.path), offers)
    console.print(table)
    console.print(plain(f"To use one: --source camera:{cameras[0].id}"), soft_wrap=True)


def _offers(camera: CameraInfo) -> str:
    """The best rate of each size, the largest size first: "1280x720 (30 fps MJPG)"."""
    best: dict[tuple[int, int], tuple[float, str]] = {}
    for item in camera.formats:
        fastest = (max(item.rates, default=0.0), item.pixel_format)
        # The first named wins where two are as fast: cameras name the uncompressed first.
        if item.size not in best or fastest[0] > best[item.size][0]:
            best[item.size] = fastest
    sizes = sorted(best, key=lambda size: size[0] * size[1], reverse=True)
    return ", ".join(
        f"{width}x{height} ({f'{rate:.4g} fps ' if rate else ''}{letters})"
        for width, height in sizes
        for rate, letters in [best[width, height]]
    )
