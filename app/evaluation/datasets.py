"""Sets with known alpha on the disk: pictures, and clips.

Pictures: a folder with `image/` and one of `alpha/`, `matte/` (PPM-100's word), `pha/`; a picture
and its alpha have the same stem.

Clips: a folder of clips, or one clip. A clip is a folder with `com/` (the frames) and `pha/` (the
true alpha), or a video with its alpha video beside it: NAME.mp4 and NAME.alpha.mp4, NAME_alpha.*,
NAME.pha.* or NAME_pha.*. RobustVideoMatting's layout, `com/NAME/` and `pha/NAME/`, is read, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from app.errors import InputError
from app.frames import RGB, RGBA, Alpha8, Frame
from app.natural_order import natural_key
from app.sources.pictures import SUFFIXES, load_as_stored, read_picture

ALPHA_FOLDERS = ("alpha", "matte", "pha")
IMAGE_FOLDER = "image"
FRAMES_FOLDER = "com"
TRUTH_FOLDER = "pha"
ALPHA_ENDINGS = (".alpha", "_alpha", ".pha", "_pha")
VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"))
DEFAULT_RATE = Fraction(25)
# How far the channels of a grey picture may lie apart: JPEG's colour is never exactly grey.
_GREY_TOLERANCE = 24


@dataclass(frozen=True)
class Pair:
    """A frame and its true alpha, uint8 (H, W), of one size."""

    frame: Frame
    truth: Alpha8


@dataclass(frozen=True)
class Still:
    """A picture with its alpha."""

    name: str
    image: Path
    alpha: Path

    def pair(self) -> Pair:
        """Raises InputError: unreadable, or sizes that differ."""
        return _checked(
            Frame(read_picture(self.image), 0, 0.0), read_alpha(self.alpha), self.image, self.alpha
        )


@dataclass(frozen=True)
class FrameClip:
    """A clip as two folders of pictures. frames: (picture, alpha) in order."""

    name: str
    frames: Sequence[tuple[Path, Path]]

    @property
    def frame_count(self) -> int | None:
        return len(self.frames)

    def pairs(self, *, limit: int | None, rate: Fraction) -> Iterator[Pair]:
        """At most `limit` pairs, `rate` a second. Raises InputError where a file is unreadable."""
        for index, (image, alpha) in enumerate(self.frames[:limit]):
            frame = Frame(read_picture(image), index, float(index / rate))
            yield _checked(frame, read_alpha(alpha), image, alpha)


@dataclass(frozen=True)
class VideoClip:
    """A video with its alpha as a second, grey video of as many frames."""

    name: str
    video: Path
    alpha: Path

    @property
    def frame_count(self) -> int | None:
        """As the file says; None where it does not."""
        from app.sources.video_file import VideoFileSource

        with VideoFileSource(self.video) as source:
            return source.info.frame_count

    def pairs(self, *, limit: int | None, rate: Fraction) -> Iterator[Pair]:
        """At most `limit` pairs, at the video's own times (`rate` is not needed).

        Raises InputError: unreadable, sizes or lengths that differ, a frame that is damaged.
        """
        from app.sources.video_file import VideoFileSource

        with VideoFileSource(self.video) as video, VideoFileSource(self.alpha) as alpha:
            truths = iter(alpha)
            count = 0
            for frame in islice(video, limit):
                truth = next(truths, None)
                for source in (video, alpha):
                    if source.skipped:
                        raise InputError(
                            f"{source.path} has a frame that cannot be decoded, so that picture "
                            "and alpha no longer belong together. Encode it again."
                        )
                if truth is None:
                    raise InputError(
                        f"{self.alpha} ends after {count} frames, {self.video} goes on; both must "
                        "have as many frames."
                    )
                yield _checked(frame, grey(truth.rgb, self.alpha), self.video, self.alpha)
                count += 1
            if (limit is None or count < limit) and next(truths, None) is not None:
                raise InputError(
                    f"{self.video} ends after {count} frames, {self.alpha} goes on; both must "
                    "have as many frames."
                )


Clip = FrameClip | VideoClip
Kind = Literal["images", "video"]


def find_stills(folder: Path) -> list[Still]:
    """The pictures of a set, by name. Raises InputError: none, or one without its partner."""
    check_folder(folder)
    images = folder / IMAGE_FOLDER
    alphas = next((folder / name for name in ALPHA_FOLDERS if (folder / name).is_dir()), None)
    if not images.is_dir() or alphas is None:
        raise InputError(
            f"{folder} is no set of pictures: it needs a folder image/ and beside it alpha/, "
            "matte/ or pha/ with a picture of the same name for each."
        )
    pairs = _matched(images, alphas)
    return [Still(image.stem, image, alpha) for image, alpha in pairs]


def find_clips(folder: Path) -> list[Clip]:
    """The clips of a set, by name. Raises InputError: none, or one without its alpha."""
    check_folder(folder)
    if (folder / FRAMES_FOLDER).is_dir() and (folder / TRUTH_FOLDER).is_dir():
        nested = sorted(entry for entry in (folder / FRAMES_FOLDER).iterdir() if entry.is_dir())
        if not nested:
            return [_frame_clip(folder.resolve().name, folder)]
        return [
            FrameClip(entry.name, _matched(entry, folder / TRUTH_FOLDER / entry.name))
            for entry in nested
        ]
    clips: list[Clip] = [
        _frame_clip(entry.name, entry)
        for entry in sorted(folder.iterdir())
        if (entry / FRAMES_FOLDER).is_dir() or (entry / TRUTH_FOLDER).is_dir()
    ]
    clips += _video_clips(folder)
    if not clips:
        raise InputError(
            f"There is no clip with known alpha in {folder}: a clip is a folder with com/ and "
            "pha/, or a video NAME.mp4 with NAME.alpha.mp4 beside it."
        )
    return sorted(clips, key=lambda clip: clip.name)


def _frame_clip(name: str, folder: Path) -> FrameClip:
    for part in (FRAMES_FOLDER, TRUTH_FOLDER):
        if not (folder / part).is_dir():
            raise InputError(f"The clip {folder} has no folder {part}/; put its pictures there.")
    return FrameClip(name, _matched(folder / FRAMES_FOLDER, folder / TRUTH_FOLDER))


def _video_clips(folder: Path) -> list[Clip]:
    videos = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file() and file.name[0] != "."
    ]
    alphas = {video: name for video in videos if (name := _video_of_alpha(video)) is not None}
    clips: list[Clip] = []
    for video in videos:
        if video in alphas:
            continue
        partners = [alpha for alpha, name in alphas.items() if name == video.stem]
        if len(partners) != 1:
            wanted = f"{video.stem}.alpha{video.suffix}"
            raise InputError(
                f"{video} has no alpha video beside it; call it {wanted}."
                if not partners
                else f"{video} has {len(partners)} alpha videos beside it; leave one there."
            )
        clips.append(VideoClip(video.stem, video, partners[0]))
    names = {clip.name for clip in clips}
    for alpha, name in alphas.items():
        if name in names:
            continue
        raise InputError(f"{alpha} has no video beside it; put {name}{alpha.suffix} there.")
    return clips


def _video_of_alpha(path: Path) -> str | None:
    """The stem of the video that this is the alpha of, by its name."""
    stem = path.stem
    for ending in ALPHA_ENDINGS:
        if stem.lower().endswith(ending) and len(stem) > len(ending):
            return stem[: -len(ending)]
    return None


def check_folder(folder: Path) -> None:
    """Raises InputError where it is not there or no folder."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "is not there; check the name"
        raise InputError(f"{folder} {what}.")


def _matched(images: Path, alphas: Path) -> list[tuple[Path, Path]]:
    """The pictures of two folders, matched by stem, in natural order."""
    if not alphas.is_dir():
        raise InputError(f"{images} has no folder of true alphas; it should be {alphas}.")
    pictures, truths = _by_stem(images), _by_stem(alphas)
    if not pictures and not truths:
        raise InputError(f"{images} and {alphas} hold no picture; PNG and JPEG are read.")
    for stem in pictures.keys() - truths.keys():
        raise InputError(f"{pictures[stem]} has no alpha; {alphas / f'{stem}.png'} is missing.")
    for stem in truths.keys() - pictures.keys():
        raise InputError(f"{truths[stem]} has no picture; {images / f'{stem}.png'} is missing.")
    return [(pictures[stem], truths[stem]) for stem in sorted(pictures, key=natural_key)]


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in pictures_in(folder):
        if file.stem in found:
            raise InputError(
                f"{found[file.stem]} and {file.name} have the same stem; leave one of them there."
            )
        found[file.stem] = file
    return found


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, in natural order."""
    found = (
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()
    )
    return sorted(found, key=lambda file: natural_key(file.name))


def _checked(frame: Frame, truth: Alpha8, image: Path, alpha: Path) -> Pair:
    height, width = truth.shape
    if (width, height) != frame.size:
        raise InputError(
            f"{image} is {frame.size[0]}x{frame.size[1]} and its alpha {alpha} is "
            f"{width}x{height}; both must have one size."
        )
    return Pair(frame, truth)


def read_alpha(path: Path) -> Alpha8:
    """A true alpha, uint8 (H, W): a grey picture, or the alpha channel of one that has it.

    Values are taken as they stand: no colour management. Raises InputError.
    """
    image = load_as_stored(path)
    if image.mode in ("RGBA", "LA", "PA"):
        channel = np.asarray(image.getchannel("A"))
        if channel.min(initial=255) < 255:
            return np.ascontiguousarray(channel)
    if image.mode.startswith("I") or image.mode == "F":
        return np.ascontiguousarray(read_picture(path)[..., 0])  # knows how to scale deep grey
    return grey(np.asarray(image.convert("RGB")), path)


def grey(rgb: RGB, path: Path) -> Alpha8:
    """One channel of a picture that must be grey; raises InputError where it has colours."""
    # Sparse, for this is only to catch a picture in the wrong folder.
    sample = rgb[::4, ::4].astype(np.int16)
    if int(np.ptp(sample, axis=2).mean()) > _GREY_TOLERANCE:
        raise InputError(f"{path} has colours; a true alpha is a grey picture.")
    return np.ascontiguousarray(rgb[..., 1])


def read_rgba(path: Path) -> RGBA | None:
    """uint8 (H, W, 4), straight alpha; None where the picture has no alpha. Raises InputError."""
    image = load_as_stored(path)
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return None
    return np.ascontiguousarray(np.asarray(image.convert("RGBA")))
