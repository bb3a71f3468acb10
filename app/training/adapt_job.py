"""From what the user names to adapted weights in a file."""

from __future__ import annotations

import datetime
import logging
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from app import places
from app.engines.torch_engine import pick_device
from app.errors import DiskFull, InputError, OutputError, OutputExists, UsageError
from app.evaluation.datasets import pictures_in
from app.frames import RGB
from app.modnet import quantise, weights
from app.sources.live_base import create_live_source
from app.sources.open import open_source
from app.training import adapt as adapting
from app.training import comparison, heads
from app.training.adapt import Outcome, Progress
from app.training.take import MOST_FRAMES, SECONDS, hint_at, is_due, shrunk
from app.weights import manifest, store
from app.weights.history import History

log = logging.getLogger(__name__)

# A clip's last frames stay neighbours: they are held out, to see flicker.
_TAIL = MOST_FRAMES // 5
# Of a long clip only the beginning is looked at: two minutes at 25 a second.
_LOOKED_AT = 3000
# What weights in a file need, and a little more.
_SPACE = 40_000_000  # bytes


def anchors() -> Sequence[RGB]:
    """Pictures of another person, which come with the program: the demo clip, a frame a second."""
    with open_source(str(places.assets() / "demo.mp4")) as source:
        return [shrunk(frame.rgb) for frame in islice(source, 0, 25 * 8, 25)]


def read(place: str) -> Sequence[RGB]:
    """The frames of a clip, of a folder of pictures, or of the clips in a folder.

    At most about MOST_FRAMES, thinned out evenly but for the last ones. Raises InputError.
    """
    clips = _clips(Path(place)) if place != "demo" and os.path.isdir(place) else [place]
    share = MOST_FRAMES // len(clips)
    found = [_read_clip(clip, share) for clip in clips[:-1]]
    found.append(_read_clip(clips[-1], max(share, 2 * _TAIL)))  # its end is held out
    sizes = {frames[0].shape for frames in found if frames}
    if len(sizes) > 1:
        told = ", ".join(sorted(f"{shape[1]}x{shape[0]}" for shape in sizes))
        raise InputError(
            f"The clips in {place} differ in size ({told}, as far as they are looked at); adapt to "
            "one of them, or to clips of one camera."
        )
    return [rgb for frames in found for rgb in frames]


def _clips(folder: Path) -> Sequence[str]:
    """The folder itself where pictures lie in it, else the clips and folders of pictures in it."""
    if pictures_in(folder):
        return [str(folder)]
    try:
        inner = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be read: {error.strerror or error}."
        ) from error
    clips = [
        str(path) for path in inner if (pictures_in(path) if path.is_dir() else _is_clip(path))
    ]
    if not clips:
        raise InputError(
            f"There is no clip and no picture in {folder}; name a video, a folder of pictures, or "
            "a folder of videos."
        )
    return clips


def _is_clip(path: Path) -> bool:
    """Whether a file in a folder can be played; a folder may hold a note beside its clips."""
    try:
        with open_source(str(path)) as source:
            return next(iter(source), None) is not None
    except InputError:
        return False


def _read_clip(place: str, most: int) -> list[RGB]:
    """Frames of one clip: while it goes on every second one is let go each time there are many."""
    tail: deque[RGB] = deque(maxlen=min(_TAIL, max(1, most // 2)))
    early: list[RGB] = []
    stride, seen = 1, 0
    with open_source(place) as source:
        for frame in islice(source, _LOOKED_AT):
            if len(tail) == tail.maxlen:
                if seen % stride == 0:
                    early.append(tail[0])
                seen += 1
                if len(early) > most - len(tail):
                    early, stride = early[::2], stride * 2
            tail.append(shrunk(frame.rgb))
    frames = [*early, *tail]
    if len({rgb.shape for rgb in frames}) > 1:
        raise InputError(f"The pictures in {place} differ in size; take them from one clip.")
    return frames


def record(
    spec: str,
    *,
    seconds: float = SECONDS,
    progress: Callable[[Progress], None] = lambda done: None,
) -> Sequence[RGB]:
    """Frames of a live source for so many seconds, with hints what to do meanwhile.

    They are held in memory and nowhere else. Raises InputError, SourceLost.
    """
    source = create_live_source(spec)
    frames: list[RGB] = []
    began: float | None = None
    try:
        source.open()
        while (frame := source.read()) is not None:
            began = frame.captured_at if began is None else began
            passed = frame.captured_at - began
            if passed >= seconds:
                break
            if is_due(len(frames), passed, seconds):
                frames.append(shrunk(frame.rgb))
            hint = hint_at(passed, seconds)
            progress(Progress(hint, passed / seconds, seconds - passed))
    finally:
        source.close()
    return frames


def check_target(out: Path, *, force: bool) -> None:
    """Says before anything takes minutes that `out` cannot be written.

    Raises UsageError, OutputExists, OutputError, DiskFull.
    """
    if out.suffix != store.SUFFIX:
        raise UsageError(f"{out} must end in {store.SUFFIX}.")
    in_list = any(out.parent.resolve() == folder.resolve() for folder in store.folders())
    if in_list and (
        manifest.read().find(out.stem) is not None or out.stem.startswith(store.OWN_PREFIX)
    ):
        raise UsageError(
            f"The name {out.stem} belongs to this program's own weights; choose another one."
        )
    if out.is_dir():
        raise OutputExists(f"{out} is a folder; choose another name.")
    if out.exists() and not force:
        raise OutputExists(f"{out} is there already; choose another name, or say --force.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            free = shutil.disk_usage(out.parent).free
    except OSError as error:
        raise store.output_error(out, error) from error
    if free < _SPACE:
        raise DiskFull(
            f"The disk is nearly full: {out.parent} has {free / 1e6:.0f} MB left, and the weights "
            f"need {_SPACE / 1e6:.0f}. Free some space and try again."
        )


def run(
    frames: Sequence[RGB],
    out: Path,
    *,
    weights_name: str,
    minutes: float,
    source: str,
    soc: bool = False,
    force: bool = False,
    show_in: Path | None = None,
    progress: Callable[[Progress], None] = lambda done: None,
) -> Outcome:
    """Adapts, and writes `out` where the result is kept. Raises MattecamError; nothing is lost.

    soc: see `adapt`. source: the name of what the frames are from, for the history. show_in: a
    folder for pictures of before and after, see `comparison.write`.
    """
    check_target(out, force=force)
    chosen = store.resolve(weights_name)
    network, missing_heads = heads.load(chosen)
    network = network.to(pick_device("auto"))
    outcome = adapting.adapt(
        network,
        frames,
        anchors(),
        minutes=minutes,
        missing_heads=missing_heads,
        soc=soc,
        progress=progress,
    )
    if outcome.kept:
        history = History(
            kind="soc",
            parent=chosen.name,
            date=datetime.date.today().isoformat(),
            frames=len(frames),
            steps=outcome.steps,
            source=source,
        )
        weights.save_safetensors(
            outcome.network,
            out,
            metadata={
                "title": f"adapted from {chosen.name}",
                "licence": chosen.licence,
                "parent_sha256": chosen.sha256,
                **history.as_metadata(),
            },
        )
        try:
            quantise.quantise_adapted(outcome.network, frames, out, parent=chosen)
        except OutputError as error:
            # The weights are whole without it, only slower.
            log.warning("%s has no 8-bit form: %s", out.name, error)
        if show_in is not None:
            progress(Progress("Comparing", 1.0, None))
            comparison.write(show_in, network, outcome.network, outcome.held_out)
    return outcome
