"""The grid of cells that docs/performance.md is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.bench.compare import BESIDE
from app.bench.job import Job
from app.chain import ChainSettings
from app.engines.base import engines
from app.modnet.preprocess import NetworkSize
from app.pace.ladder import BOXES

FRAME_SIZES = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
# The size of most webcams, and the finest and the coarsest network that are compared with others.
_COMMON = (1280, 720)
_COMPARED = ("512x288", "320x192")


def cells(job: Job) -> Iterator[tuple[Job, Sequence[str]]]:
    """Each cell with who is measured beside: all frame sizes at the usual network size, all sizes
    of the ladder at the usual frame size, then what live and a webcam's MJPEG make of it, the other
    engines and devices that there are, what a picture costs that belongs to no scene, and what a
    processor without bfloat16 would do.
    """
    usual = replace(job, frame_size=_COMMON, settings=_sized(job, BOXES[0]))
    for size in FRAME_SIZES:
        yield replace(usual, frame_size=size), BESIDE if size == _COMMON else ()
    for network in BOXES[1:]:
        sized = replace(usual, settings=_sized(job, network))
        yield sized, BESIDE if network in _COMPARED else ()
    for network in BOXES:
        yield replace(usual, settings=_sized(job, network), mode="live"), ()
    yield replace(usual, feed="mjpeg"), ()
    for engine, device in _others(job):
        changed = replace(usual.settings, engine=engine, device=device)
        yield replace(usual, settings=changed), ()
    if job.settings.norms == "auto":
        yield replace(usual, settings=replace(usual.settings, norms="exact")), ()
    if job.settings.precision == "auto":
        yield replace(usual, settings=replace(usual.settings, precision="float32")), ()


def _sized(job: Job, size: str) -> ChainSettings:
    return replace(job.settings, size=NetworkSize.parse(size))


def _others(job: Job) -> Iterator[tuple[str, str]]:
    """(engine, device) of what else runs the network here, where nothing was asked for by name."""
    if job.settings.engine != "auto" or job.settings.device != "auto":
        return
    for name in engines.names():
        entry = engines.entry(name)
        if not entry.factory.needs_weights or entry.unavailable_because() is not None:
            continue
        for device in entry.factory.devices():
            # "auto" measures OpenVINO on the processor already, where there is no GPU.
            if (name, device) != ("openvino", "cpu"):
                yield name, device
