"""The grid of cells that docs/performance.md is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.bench.compare import BESIDE
from app.bench.job import Job
from app.chain import ChainSettings
from app.modnet.preprocess import NetworkSize

FRAME_SIZES = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
NETWORK_SIZES = ("512x288", "384x224", "320x192")
# Where the others run, too: the size of most webcams, at the network's usual size.
_COMMON = (1280, 720)


def cells(job: Job) -> Iterator[tuple[Job, Sequence[str]]]:
    """Each cell with who is measured beside: all frame sizes at the usual network size, all
    network sizes at the usual frame size, then what live and a webcam's MJPEG make of it, and
    what a processor without bfloat16 would do.
    """
    usual = replace(job, frame_size=_COMMON, settings=_sized(job, NETWORK_SIZES[0]))
    for size in FRAME_SIZES:
        yield replace(usual, frame_size=size), BESIDE if size == _COMMON else ()
    for network in NETWORK_SIZES[1:]:
        yield replace(usual, settings=_sized(job, network)), BESIDE
    for network in NETWORK_SIZES:
        yield replace(usual, settings=_sized(job, network), mode="live"), ()
    yield replace(usual, feed="mjpeg"), ()
    if job.settings.precision == "auto":
        yield replace(usual, settings=replace(usual.settings, precision="float32")), ()


def _sized(job: Job, size: str) -> ChainSettings:
    return replace(job.settings, size=NetworkSize.parse(size))
