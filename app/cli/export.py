"""`mattecam export`: the network for other programs."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from app.cli import cli
from app.cli.printing import echo


@cli.command()
def export(
    weights: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", show_default=False)
    ] = None,
    form: Annotated[
        str, typer.Option("--format", "-f", help="onnx, openvino or torchscript.")
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Else NAME with the format's suffix."),
    ] = None,
    picture: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Compare on this picture, too; can be given again."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON on stdout.")] = False,
) -> None:
    """Write MODNet for ONNX Runtime, OpenVINO or TorchScript, and check it with that runtime.

    The file takes RGB normalised to [-1, 1], float32 (N, 3, H, W), sides in multiples of 32.
    """
    from app import places
    from app.cli.progress import progress_bar
    from app.modnet import export as exporting
    from app.modnet.weights import load
    from app.outputs.read_files import Reading, refuse_to_overwrite
    from app.sources.open import open_source
    from app.sources.pictures import read_picture
    from app.weights import store

    chosen = store.resolve(weights or store.DEFAULT)
    known = exporting.FORMATS.get(form)
    suffix = known.suffix if known is not None else ""
    target = out or Path(f"{Path(chosen.name).stem}{suffix}")
    refuse_to_overwrite(
        exporting.files_written(target, form),
        [
            Reading("the file of the weights", chosen.path),
            *(Reading("a picture to compare on", path) for path in picture or ()),
        ],
    )
    with progress_bar(f"Exporting {chosen.name}", unit="comparisons") as bar:
        with open_source(str(places.assets() / "demo.mp4")) as demo:
            pictures = [frame.rgb for frame in islice(demo, 0, 120, 60)]
        made = exporting.export(
            load(chosen.path).network,
            target,
            form=form,
            pictures=[*(read_picture(path) for path in picture or ()), *pictures],
            force=force,
            progress=bar,
        )
    if as_json:
        told = {
            "files": [str(path) for path in made.paths],
            "runtime": made.runtime,
            "pictures": made.pictures,
            "largest": made.largest,
            "mean": made.mean,
        }
        echo(json.dumps(told))
        return
    echo(
        f"{made.paths[0]}: {made.runtime} gives torch's alpha within {made.largest:.1e} "
        f"({made.mean:.1e} in the mean) on {made.pictures} pictures."
    )
