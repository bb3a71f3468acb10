"""Which H.264 encoder: one in hardware where there is one and it really works, else x264."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from app.errors import OptionError

if TYPE_CHECKING:
    from app.outputs.video_file import Coding

log = logging.getLogger(__name__)

X264 = "libx264"


@dataclass(frozen=True)
class Hardware:
    """An encoder that takes pictures from ordinary memory. options: for a CRF."""

    codec: str
    options: Callable[[int], dict[str, str]]
    pixels: str = "nv12"


# h264_vaapi is not among them: it takes pictures in the GPU's memory only, and PyAV cannot put
# them there.
HARDWARE: Mapping[str, Hardware] = {
    entry.codec: entry
    for entry in (
        Hardware(
            "h264_nvenc",
            lambda crf: {
                "preset": "p3",
                "rc": "vbr",
                "cq": str(crf),
                "b": "0",
                "bf": "0",
                "delay": "0",
            },
            pixels="yuv420p",
        ),
        Hardware(
            "h264_videotoolbox",
            lambda crf: {
                "realtime": "1",
                "flags": "+qscale",
                "global_quality": str(118 * max(1, 100 - 2 * crf)),
                "bf": "0",
            },
        ),
        Hardware(
            "h264_qsv",
            lambda crf: {"preset": "veryfast", "global_quality": str(max(1, crf)), "bf": "0"},
        ),
        Hardware(
            "h264_amf",
            lambda crf: {"rc": "cqp", "qp_i": str(crf), "qp_p": str(crf), "bf": "0"},
        ),
        Hardware(
            "h264_mf",
            lambda crf: {"rate_control": "quality", "quality": str(max(1, 100 - 2 * crf))},
        ),
    )
}


def x264(quality: int, *, cores: int | None = None) -> Coding:
    """At a preset that keeps up beside the network. `quality` is the CRF."""
    from app.outputs.video_file import Coding

    count = cores if cores is not None else os.cpu_count() or 1
    preset = "ultrafast" if count <= 2 else "superfast" if count <= 6 else "veryfast"
    # Zero latency: what the encoder looks ahead at would be lost when the power goes.
    options = {"preset": preset, "tune": "zerolatency", "crf": str(quality), "bf": "0"}
    return Coding(X264, "yuv420p", options, even=True)


def h264_coding(
    *, quality: int, size: tuple[int, int], rate: float, encoder: str = "auto"
) -> Coding:
    """The coding to record with. encoder: `auto`, or a name. Raises OptionError.

    The first use of `auto` tries what the system has, which takes some tenths of a second.
    """
    from app.outputs.video_file import Coding

    if encoder == X264:
        return x264(quality)
    if encoder != "auto" and encoder not in HARDWARE:
        raise OptionError(
            f"There is no encoder {encoder!r}; it may be auto, {X264}, {', '.join(HARDWARE)}."
        )
    names = tuple(HARDWARE) if encoder == "auto" else (encoder,)
    even = size[0] + size[0] % 2, size[1] + size[1] % 2
    found = first_that_works(names, even)
    if found is None:
        if encoder != "auto":
            raise OptionError(f"{encoder} does not work here; use auto or {X264}.")
        return x264(quality)
    hardware = HARDWARE[found]
    return Coding(hardware.codec, hardware.pixels, hardware.options(quality), even=True)


@lru_cache(maxsize=16)
def first_that_works(names: Sequence[str], size: tuple[int, int]) -> str | None:
    """The first of these encoders that gives back, decoded, the pictures that it was given."""
    return next((name for name in names if works(HARDWARE[name], size)), None)


def works(hardware: Hardware, size: tuple[int, int]) -> bool:
    """Whether twelve pictures survive it: many encoders are listed, and fail when they are used."""
    import av
    import numpy as np
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

    if hardware.codec not in av.codecs_available:
        return False
    greys = [40 + 15 * number for number in range(12)]
    try:
        coder = VideoCodecContext.create(hardware.codec, "w")
        assert isinstance(coder, VideoCodecContext)
        coder.width, coder.height = size
        coder.pix_fmt = hardware.pixels
        coder.time_base = Fraction(1, 30)
        coder.framerate = Fraction(30)
        coder.options = hardware.options(23)
        packets = []
        for number, grey in enumerate(greys):
            picture = np.full((size[1], size[0], 3), grey, np.uint8)
            frame = VideoFrame.from_ndarray(picture, "rgb24").reformat(format=hardware.pixels)
            frame.pts = number
            frame.time_base = Fraction(1, 30)
            packets += coder.encode(frame)
        packets += coder.encode(None)
        decoder = VideoCodecContext.create("h264", "r")
        decoded = [frame for packet in packets for frame in decoder.decode(packet)]
        decoded += decoder.decode(None)
        means = [float(frame.to_ndarray(format="gray").mean()) for frame in decoded]
    except (av.error.FFmpegError, ValueError, RuntimeError) as error:
        log.info("%s does not work here: %s", hardware.codec, error)
        return False
    right = len(means) == len(greys) and means[-1] - means[0] > 80
    if not right:
        log.info("%s gives other pictures than it got", hardware.codec)
    return right
