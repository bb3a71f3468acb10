"""The kinds of file that a recording can be, by their endings. One entry here is all of one.

All of them can break off at any moment: MP4 and MOV in fragments of half a second, which the end of
the recording turns into a plain file; Matroska and WebM in clusters of half a second; a folder by
its nature.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import OptionError, UsageError
from app.outputs.base import Output
from app.recording.encoders import h264_coding
from app.sources.base import SourceInfo

# CRF of H.264; lower is better and larger.
QUALITIES: Mapping[str, int] = {"small": 29, "good": 23, "best": 17}
BEST, SMALLEST = 0, 51

# No B-pictures anywhere here (see encoders), so a fragment may begin with any picture.
_FRAGMENTS = {
    "movflags": "+hybrid_fragmented+delay_moov",
    "frag_duration": "500000",
    "use_editlist": "1",
    "avoid_negative_ts": "disabled",
    "flush_packets": "1",
}
_CLUSTERS = {"cluster_time_limit": "500", "flush_packets": "1"}

Sound = Callable[..., object]


@dataclass(frozen=True)
class Request:
    """What one file gets.

    size: (width, height) of the pictures. sound: makes the live track, see VideoFileOutput.
    quality: a CRF. threads: for coding.
    """

    path: Path
    size: tuple[int, int]
    info: SourceInfo
    quality: int
    sound: Sound | None = None
    encoder: str = "auto"
    threads: int = 2
    alpha: bool = True


@dataclass(frozen=True)
class Format:
    """alpha: whether it carries transparency. sound: whether it carries sound."""

    ending: str
    title: str
    alpha: bool
    sound: bool
    open: Callable[[Request], Output]


def _h264(container: str) -> Callable[[Request], Output]:
    def make(request: Request) -> Output:
        from app.outputs import video_file

        options = _FRAGMENTS if container == "mp4" else _CLUSTERS
        kind = video_file.Container(
            container, dict(options), frozenset(), "aac", fragmented=container == "mp4"
        )
        coding = h264_coding(
            quality=request.quality,
            size=request.size,
            rate=float(request.info.rate),
            encoder=request.encoder,
        )
        return _video(request, kind, coding)

    return make


def _webm(request: Request) -> Output:
    from app.outputs import video_file

    coding = video_file.Coding(
        "libvpx-vp9",
        "yuva420p" if request.alpha else "yuv420p",
        {
            "deadline": "realtime",
            "cpu-used": "8",
            "row-mt": "1",
            "tile-columns": "2",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",  # libvpx cannot have it with alpha
            "b": "0",
            # VP9 reaches the same look at a CRF that is higher by about 8.
            "crf": str(min(63, request.quality + 8)),
        },
    )
    kind = video_file.Container("webm", dict(_CLUSTERS), frozenset(), "libopus")
    return _video(request, kind, coding)


def _mov(request: Request) -> Output:
    from app.outputs import video_file

    # A fixed quantiser: the search for one that meets a rate is most of this encoder's work.
    scale = max(1, min(16, 1 + request.quality // 6))
    coding = video_file.Coding(
        "prores_ks",
        "yuva444p10le",
        {
            "profile": "4444",
            "alpha_bits": "16",
            "flags": "+qscale",
            "global_quality": str(scale * 118),
            "vendor": "apl0",
        },
    )
    kind = video_file.Container("mov", dict(_FRAGMENTS), frozenset(), "aac", fragmented=True)
    return _video(request, kind, coding)


def _folder(request: Request) -> Output:
    from app.recording.folder import TimedFolder

    return TimedFolder(request.path)


def _video(request: Request, kind: object, coding: object) -> Output:
    from app.outputs import video_file

    return video_file.VideoFileOutput(
        request.path,
        size=request.size,
        info=request.info,
        container=kind,  # type: ignore[arg-type]
        coding=coding,  # type: ignore[arg-type]
        threads=request.threads,
        make_sound=request.sound,  # type: ignore[arg-type]
    )


FORMATS: Mapping[str, Format] = {
    form.ending: form
    for form in (
        Format(".mp4", "MP4, H.264", alpha=False, sound=True, open=_h264("mp4")),
        Format(".mkv", "Matroska, H.264", alpha=False, sound=True, open=_h264("matroska")),
        Format(".webm", "WebM, VP9 with transparency", alpha=True, sound=True, open=_webm),
        Format(".mov", "MOV, ProRes 4444 with transparency", alpha=True, sound=True, open=_mov),
        Format("", "Folder of PNG pictures", alpha=True, sound=False, open=_folder),
    )
}


def format_of(path: Path) -> Format:
    """By the ending; none, or a folder, is a sequence of pictures. Raises UsageError."""
    ending = path.suffix.lower()
    if os.path.isdir(path):
        ending = ""
    form = FORMATS.get(ending)
    if form is None:
        known = ", ".join(ending for ending in FORMATS if ending)
        raise UsageError(
            f"{path}: a recording may end in {known}; without an ending it is a folder of pictures."
        )
    return form


def crf_of(quality: str) -> int:
    """The CRF that a word or a number stands for. Raises OptionError."""
    if quality in QUALITIES:
        return QUALITIES[quality]
    if quality.isdecimal() and BEST <= int(quality) <= SMALLEST:
        return int(quality)
    raise OptionError(
        f"The quality is {quality!r}; it may be {', '.join(QUALITIES)}, or a number from {BEST} "
        f"(best) to {SMALLEST} (smallest)."
    )
