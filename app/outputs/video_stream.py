"""A video written into a pipe: standard output, a named pipe, a device. Never sought in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from app.errors import OutputError, UsageError
from app.outputs.base import Channels
from app.outputs.pipes import STANDARD_OUTPUT
from app.outputs.video_file import Coding, Container, VideoFileOutput, h264, vp9
from app.sources.base import ColourTags

_MKV = Container(
    "matroska",
    {"flush_packets": "1", "cluster_time_limit": "500"},
    frozenset(("aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "dts")),
    "libopus",
)
_WEBM = Container("webm", _MKV.options, frozenset(("opus", "vorbis")), "libopus")
# Fragments only: there is no way back to the header.
_MP4 = Container(
    "mp4",
    {
        "movflags": "+frag_keyframe+delay_moov+default_base_moof",
        "min_frag_duration": "900000",
        "use_editlist": "1",
        "avoid_negative_ts": "disabled",
        "flush_packets": "1",
    },
    frozenset(("aac", "mp3", "ac3", "alac", "opus", "flac")),
    "aac",
    timed=True,
)
_TS = Container(
    "mpegts", {"flush_packets": "1"}, frozenset(("aac", "mp3", "mp2", "ac3", "eac3")), "aac"
)
_MJPEG = Container("mjpeg", {"flush_packets": "1"}, frozenset(), "")
# JFIF: BT.601 at full range.
_JPEG = Coding(
    "mjpeg",
    "yuvj420p",
    {"qmin": "2", "qmax": "3"},
    tags=ColourTags(matrix=5, primaries=1, transfer=13, full_range=True),
)

FORMATS: Mapping[str, Container] = {
    "mkv": _MKV,
    "webm": _WEBM,
    "mp4": _MP4,
    "ts": _TS,
    "mjpeg": _MJPEG,
}


def stream_format(path: Path, name: str | None, channels: Channels) -> str:
    """The name in FORMATS: `name`, else by the ending, else one that fits. Raises UsageError."""
    alpha = channels == "rgba"
    wanted = (name or path.suffix or ("webm" if alpha else "mkv")).lower().lstrip(".")
    if wanted not in FORMATS:
        raise UsageError(
            f"{wanted!r} cannot be written into a pipe; --format may be {', '.join(FORMATS)}."
        )
    if alpha and wanted != "webm":
        raise UsageError(f"{wanted} cannot be transparent in a pipe; use --format webm.")
    return wanted


def stream_coding(name: str, *, quality: int, preset: str, alpha: bool) -> Coding:
    if name == "mjpeg":
        return _JPEG
    if name == "webm":
        return vp9(quality=min(63, quality + 8), alpha=alpha)
    return h264(quality=quality, preset=preset)


class VideoStreamOutput(VideoFileOutput):
    """As VideoFileOutput. While it is open, nothing else comes through standard output.

    Raises OutputError where the reader goes away: what it has got until then plays.
    """

    _descriptor = -1
    _is_standard = False

    def _create(self) -> None:
        self._is_standard = self.path == STANDARD_OUTPUT
        if not self._is_standard:
            try:
                # Waits until somebody reads, as every program does; Ctrl-C ends it.
                self._descriptor = os.open(self.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
            except OSError as error:
                raise OutputError(
                    f"{self.path} cannot be written: {error.strerror or error}."
                ) from None
            return
        if os.isatty(1):
            raise UsageError(
                "Standard output is a terminal; send it into a program or a file: -o - > FILE."
            )
        sys.stdout.flush()
        self._descriptor = os.dup(1)
        os.dup2(2, 1)

    def _url(self) -> str:
        return f"pipe:{self._descriptor}"

    def _release(self) -> None:
        if self._descriptor < 0:
            return
        if self._is_standard:
            sys.stdout.flush()
            os.dup2(self._descriptor, 1)
        os.close(self._descriptor)
        self._descriptor = -1

    def _discard(self) -> None:
        self._close()

    def _broken_off(self, error: Exception) -> OutputError:
        self._remember(error)
        self._close()
        name = "standard output" if self._is_standard else str(self.path)
        if isinstance(error, BrokenPipeError):
            return OutputError(f"The program that read {name} has ended; nothing more was written.")
        reason = getattr(error, "strerror", None) or error
        return OutputError(f"{name} cannot be written any further: {reason}.")
