"""From what the user names to an output. Everything that can be refused is refused here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import OptionError, OutputError, OutputExists, UsageError
from app.outputs.base import Channels, Output
from app.outputs.pipes import STANDARD_OUTPUT, is_stream
from app.outputs.read_files import Reading, files_in, refuse_to_overwrite
from app.sources.base import SourceInfo

VIDEO_ENDINGS = (".mp4", ".mkv", ".webm", ".mov")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
ALPHA_ENDINGS = (".webm", ".mov", ".png", ".webp", ".tif", ".tiff")


def open_output(
    path: str | Path,
    *,
    size: tuple[int, int],
    info: SourceInfo,
    channels: Channels = "rgb",
    force: bool = False,
    reads: Sequence[Reading] = (),
    stem: Callable[[int], str] | None = None,
    quality: int = 18,
    preset: str = "superfast",
    threads: int | None = None,
    format_name: str | None = None,
) -> Output:
    """An output, not yet entered, by the ending of `path`; no ending or a folder: a sequence.

    `-` is standard output; it, and every other pipe, gets a video in `format_name`, one of
    app.outputs.video_stream.FORMATS, else by the ending, else in what fits.

    size: (width, height) of the pictures that will come. info: of the entered source.
    channels: what they hold; `rgba` needs an ending that can carry alpha.
    reads: what must not be overwritten, the input first of all. stem: names a sequence's pictures
    by the frame's index; counting up where it is None.
    quality: CRF of H.264 (and of VP9 beside it), lower is better. threads: for coding.

    Raises UsageError, OptionError or OutputExists; nothing is made or changed on the disk.
    """
    given, path = str(path), Path(path)
    if path == STANDARD_OUTPUT and given != str(path):
        path = path.absolute()  # "./-" is a file of that name
    if is_stream(path):
        if path != STANDARD_OUTPUT:
            refuse_to_overwrite([path], reads)
        return _stream(path, size, info, channels, format_name, quality, preset, threads)
    if format_name is not None:
        raise UsageError(
            f"--format is for a pipe; the ending of {path} says what it is, so leave it out."
        )
    ending = path.suffix.lower()
    is_folder = os.path.isdir(path) or given.endswith((os.sep, "/")) or not ending
    if not is_folder and ending not in VIDEO_ENDINGS + PICTURE_ENDINGS:
        raise UsageError(
            f"{path}: {path.suffix} is not known. A video may end in {', '.join(VIDEO_ENDINGS)}, "
            f"a picture in {', '.join(PICTURE_ENDINGS)}; without an ending it is a folder."
        )
    # A sequence writes pictures, and nothing else that is in the folder.
    refuse_to_overwrite([path, *(files_in(path, (".png",)) if is_folder else ())], reads)
    if channels == "rgba" and not is_folder and ending not in ALPHA_ENDINGS:
        raise OptionError(
            f"{ending} cannot be transparent. What can: {', '.join(ALPHA_ENDINGS)} or a folder."
        )
    _check_place(path, is_folder=is_folder, force=force)

    if is_folder:
        from app.outputs.pictures import FolderOutput

        return FolderOutput(path, stem=stem or "{:05d}".format, force=force)
    if ending in VIDEO_ENDINGS:
        return _video(path, ending, size, info, channels, force, quality, preset, threads)
    if info.frame_count is not None and info.frame_count > 1:
        raise UsageError(
            f"{path} can hold one picture and the input has {info.frame_count}; "
            f"name a folder or a video ({', '.join(VIDEO_ENDINGS)})."
        )
    from app.outputs.pictures import PictureOutput

    return PictureOutput(path, force=force)


def _video(
    path: Path,
    ending: str,
    size: tuple[int, int],
    info: SourceInfo,
    channels: Channels,
    force: bool,
    quality: int,
    preset: str,
    threads: int | None,
) -> Output:
    from app.outputs import video_file

    alpha = channels == "rgba"
    h264 = video_file.h264(quality=quality, preset=preset)
    container, coding = {
        ".mp4": (video_file.MP4, h264),
        ".mkv": (video_file.MKV, h264),
        # VP9 reaches the same look at a CRF that is higher by about 8.
        ".webm": (video_file.WEBM, video_file.vp9(quality=min(63, quality + 8), alpha=alpha)),
        ".mov": (video_file.MOV, video_file.prores() if alpha else h264),
    }[ending]
    return video_file.VideoFileOutput(
        path,
        size=size,
        info=info,
        container=container,
        coding=coding,
        force=force,
        threads=threads or video_file.default_threads(),
    )


def _stream(
    path: Path,
    size: tuple[int, int],
    info: SourceInfo,
    channels: Channels,
    format_name: str | None,
    quality: int,
    preset: str,
    threads: int | None,
) -> Output:
    from app.outputs import video_file, video_stream

    name = video_stream.stream_format(path, format_name, channels)
    return video_stream.VideoStreamOutput(
        path,
        size=size,
        info=info,
        container=video_stream.FORMATS[name],
        coding=video_stream.stream_coding(
            name, quality=quality, preset=preset, alpha=channels == "rgba"
        ),
        threads=threads or video_file.default_threads(),
    )


def _check_place(path: Path, *, is_folder: bool, force: bool) -> None:
    try:
        if is_folder and os.path.isdir(path):
            if not force and any(path.iterdir()):
                raise OutputExists(f"The folder {path} is not empty; add --force to write into it.")
        elif os.path.exists(path):
            if is_folder:
                raise OutputError(f"{path} is a file, so it cannot become a folder of pictures.")
            if not force:
                raise OutputExists(f"{path} is there already; add --force to replace it.")
        for parent in path.absolute().parents:
            if os.path.isdir(parent):
                if not os.access(path if os.path.exists(path) else parent, os.W_OK):
                    raise OutputError(
                        f"{path} may not be written by this user; choose another place."
                    )
                return
            if os.path.exists(parent):
                raise OutputError(f"{parent} is a file, so {path} cannot lie in it.")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from None
