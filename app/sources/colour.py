"""How coded colours become RGB and back: matrix, range, tags. Numbers are FFmpeg's AVCOL_*.

A clip that does not say its matrix is taken as BT.709 where it is HD (width >= 1280 or height
> 576, as mpv does) and as BT.601 where it is smaller.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from app.sources.base import ColourTags

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

UNSPECIFIED = 2
BT709 = ColourTags(matrix=1, primaries=1, transfer=1)
SMPTE170M = 6
BT2020 = (9, 10)
CAN_MAKE_BT2020 = int(version("av").partition(".")[0]) >= 18

# AVCOL_SPC_* -> the matrix of swscale (SWS_CS_*) that does it.
SWSCALE_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
# Those that swscale has no way to undo, and that a clip cannot be shown without.
UNKNOWN_MATRICES = {
    8: "YCgCo",
    12: "chroma-derived luminance",
    13: "chroma-derived luminance",
    14: "ICtCp",
    15: "Dolby Vision's IPT",
    16: "YCgCo-R",
    17: "YCgCo-R",
}
LIMITED, FULL = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG


def matrix_of(tagged: int, size: tuple[int, int]) -> int:
    """The matrix to decode with: the tagged one where it is supported, else by picture size."""
    if tagged in SWSCALE_MATRIX:
        return tagged
    width, height = size
    return BT709.matrix if width >= 1280 or height > 576 else SMPTE170M


def tags_of(frame: VideoFrame) -> ColourTags | None:
    """The tags of a decoded frame, the matrix resolved; None where it is coded as RGB."""
    if frame.format.is_rgb:
        return None
    return ColourTags(
        matrix=matrix_of(int(frame.colorspace), (frame.width, frame.height)),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        full_range=int(frame.color_range) == FULL or frame.format.name.startswith("yuvj"),
    )
