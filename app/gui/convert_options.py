"""The live settings as options of the command `convert`, so that a clip is treated alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.settings import LiveSettings


def command_options(live: LiveSettings) -> list[str]:
    """All but the background. What belongs to the camera's own room (painted regions, a picture of
    the empty room, mirroring) stays away."""
    from app.matte_steps.base import matte_steps
    from app.refine.edge import edge_tools

    options = [
        *("--weights", live.weights),
        *("--engine", live.engine),
        *("--device", live.device),
        *("--precision", live.precision),
        *("--norms", live.norms),
        *("--size", live.size),
        *(("--size-follows-subject",) if live.size_follows_subject else ()),
        *("--temporal", live.temporal),
        *("--refine", "on" if live.refine else "off"),
    ]
    for key, value in edge_tools.parse(live.edge)[1].items():
        options += [f"--edge-{key}", value]
    for spec in live.steps:
        name, given = matte_steps.parse(spec)
        if name == "persons":
            options += ["--persons", given.get("count", "main")]
    for spec in live.light:
        options += ["--light", spec]
    return options
