"""Decoded frames as 8-bit RGB in square pixels: matrix, range, HDR and alpha are undone here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from app.errors import InputError
from app.frames import RGB, RGBA
from app.sources.alpha import compose, is_opaque, without_hidden
from app.sources.base import ColourTags
from app.sources.colour import (
    BT709,
    BT2020,
    FULL,
    SWSCALE_MATRIX,
    UNKNOWN_MATRICES,
    matrix_of,
    tags_of,
)
from app.sources.container import name_of
from app.sources.tone_map import PLANAR, ToneMap, is_hdr, name_as_words, needs_conversion

# FFmpeg's own decoders of these drop the alpha that WebM keeps beside the picture.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class Turn(Protocol):
    def __call__(self, rgb: RGB) -> RGB: ...


def decoder_for(stream: VideoStream) -> VideoCodecContext:
    """The stream's own decoder, or one that also decodes its alpha."""
    context = stream.codec_context
    name = _ALPHA_DECODERS.get(context.codec.canonical_name)
    if name is None or stream.metadata.get("alpha_mode", "0") != "1":
        return context
    decoder = VideoCodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = context.thread_count
    decoder.options = dict(context.options)
    return decoder


def pixel_aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio
    # Beyond these it is a broken header, not an anamorphic lens.
    return aspect if aspect and Fraction(1, 4) <= aspect <= 4 else Fraction(1)


class ToRGB:
    """Of one pass over a clip.

    tags: how the RGB that comes out is coded, for who writes it back: the clip's own tags, BT.709
        where it was converted, None where the clip is coded as RGB.
    say: takes a sentence for the user.
    """

    def __init__(
        self,
        aspect: Fraction,
        turn_for: Callable[[VideoFrame], Turn],
        path: Path,
        say: Callable[[str], None],
    ) -> None:
        self.tags: ColourTags | None = None
        self._aspect = aspect
        self._turn_for = turn_for
        self._path = path
        self._say = say
        self._reformatter = VideoReformatter()
        self._tone_map: ToneMap | None = None
        self._coded: ColourTags | None = None  # what the tone map is for
        self._format = ""
        self._has_alpha = False

    def __call__(self, frame: VideoFrame) -> tuple[RGB, RGBA | None]:
        """Upright: uint8 (H, W, 3), and (H, W, 4) where the frame is not opaque."""
        width, height = frame.width, frame.height
        # Made larger rather than smaller, so that no detail is lost.
        if self._aspect > 1:
            width = max(1, round(width * self._aspect))
        elif self._aspect < 1:
            height = max(1, round(height / self._aspect))
        if frame.format.name != self._format:
            self._format = frame.format.name
            self._has_alpha = any(part.is_alpha for part in frame.format.components)
        matrix = self._matrix(frame)
        self._follow_tags(frame)
        turn = self._turn_for(frame)
        alpha = self._alpha(frame, width, height) if self._has_alpha else None
        if self._tone_map is not None:
            planar = self._reformatter.reformat(
                frame,
                width,
                height,
                PLANAR,
                src_colorspace=matrix,
                dst_color_range=FULL,
                threads=1,
            )
            rgb = self._tone_map(planar)
            if alpha is None or is_opaque(alpha):
                return turn(rgb), None
            alpha[..., :3] = rgb
        elif alpha is None or is_opaque(alpha):
            picture = self._reformatter.reformat(
                frame, width, height, "rgb24", src_colorspace=matrix, threads=1
            )
            return turn(np.asarray(picture.to_ndarray(), dtype=np.uint8)), None
        rgba = turn(without_hidden(alpha))
        return compose(rgba), rgba

    def _matrix(self, frame: VideoFrame) -> int | None:
        if frame.format.is_rgb:
            return None
        tagged = int(frame.colorspace)
        if tagged in UNKNOWN_MATRICES:
            raise InputError(
                f"{name_of(self._path)} codes its colors as {UNKNOWN_MATRICES[tagged]}, which "
                "cannot be decoded here; export it as BT.709 first."
            )
        if tagged not in SWSCALE_MATRIX and is_hdr(ColourTags(transfer=int(frame.color_trc))):
            return SWSCALE_MATRIX[BT2020[0]]
        return SWSCALE_MATRIX[matrix_of(tagged, (frame.width, frame.height))]

    def _follow_tags(self, frame: VideoFrame) -> None:
        transfer, primaries = int(frame.color_trc), int(frame.color_primaries)
        coded = ColourTags(primaries=primaries, transfer=transfer)
        if coded == self._coded:
            return
        self._coded = coded
        if not needs_conversion(coded):
            self._tone_map = None
            self.tags = tags_of(frame)
            return
        if is_hdr(coded) and primaries == 2:
            coded = replace(coded, primaries=9)
        self._tone_map = ToneMap(coded)
        self.tags = BT709
        how = "tone-mapped to SDR" if is_hdr(coded) else "converted"
        self._say(
            f"{name_of(self._path)} is {name_as_words(coded)}: it is {how} (BT.709), and so is "
            "what is made of it."
        )

    def _alpha(self, frame: VideoFrame, width: int, height: int) -> RGBA:
        picture = self._reformatter.reformat(
            frame, width, height, "rgba", src_colorspace=self._matrix(frame), threads=1
        )
        return np.array(picture.to_ndarray(), dtype=np.uint8)
