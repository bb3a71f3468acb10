"""From what the user names to adapted weights in a file."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from app import places
from app.engines.torch_engine import pick_device
from app.errors import OutputExists, UsageError
from app.frames import RGB
from app.modnet import weights
from app.sources.live_base import create_live_source
from app.sources.open import open_source
from app.training import adapt as adapting
from app.training import heads
from app.training.adapt import Outcome, Progress
from app.training.data import shrunk
from app.weights import store

# What is kept of a clip: enough to see how somebody moves, and little enough for memory.
MOST_FRAMES = 240
RECORDED = 30.0  # seconds of camera
# What a person in a call does; each for its share of the time.
HINTS = (
    "Look at the camera and talk",
    "Turn your head to both sides",
    "Lean forward, back and aside",
    "Lift your hands and move them",
    "Sit as you usually do",
)
_LAST = 1.0


def anchors() -> Sequence[RGB]:
    """Pictures of another person, which come with the program: the demo clip, a frame a second."""
    return [shrunk(rgb) for rgb in _every(str(places.assets() / "demo.mp4"), stride=25, limit=8)]


def read(place: str) -> Sequence[RGB]:
    """The frames of a clip or a folder of pictures, evenly thinned out to MOST_FRAMES.

    Neighbours stay neighbours at the end, where they are held out to see flicker. Raises
    InputError.
    """
    frames = [shrunk(rgb) for rgb in _every(place, stride=1, limit=25 * 60)]
    if len(frames) <= MOST_FRAMES:
        return frames
    tail = MOST_FRAMES // 5
    early = frames[:-tail]
    picked = np.linspace(0, len(early) - 1, MOST_FRAMES - tail).astype(int)
    return [*(early[index] for index in picked), *frames[-tail:]]


def record(
    spec: str,
    *,
    seconds: float = RECORDED,
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
            # What MOST_FRAMES needs, and at the end every frame, where flicker is looked for.
            if passed >= len(frames) * seconds / MOST_FRAMES or passed > seconds - _LAST:
                frames.append(shrunk(frame.rgb))
            hint = HINTS[int(passed / seconds * len(HINTS))]
            progress(Progress(hint, passed / seconds, seconds - passed))
    finally:
        source.close()
    return frames


def check_target(out: Path, *, force: bool) -> None:
    """Raises UsageError, OutputExists: said before anything takes minutes."""
    if out.suffix != store.SUFFIX:
        raise UsageError(f"{out} must end in {store.SUFFIX}.")
    if out.exists() and not force:
        raise OutputExists(f"{out} is there already; choose another name, or say --force.")


def run(
    frames: Sequence[RGB],
    out: Path,
    *,
    weights_name: str,
    minutes: float,
    source: str,
    force: bool = False,
    progress: Callable[[Progress], None] = lambda done: None,
) -> Outcome:
    """Adapts, and writes `out` where the result is kept. Raises MattecamError; nothing is lost."""
    check_target(out, force=force)
    chosen = store.resolve(weights_name)
    network, missing_heads = heads.load(chosen)
    outcome = adapting.adapt(
        network.to(pick_device("auto")),
        frames,
        anchors(),
        minutes=minutes,
        missing_heads=missing_heads,
        progress=progress,
    )
    if outcome.kept:
        weights.save_safetensors(
            outcome.network,
            out,
            metadata={
                "title": f"adapted from {chosen.name}",
                "licence": chosen.licence,
                "parent": chosen.name,
                "parent_sha256": chosen.sha256,
                "history": json.dumps(
                    {
                        "kind": "soc",
                        "frames": len(frames),
                        "steps": outcome.steps,
                        "source": source,
                        "date": datetime.date.today().isoformat(),
                    }
                ),
            },
        )
    return outcome


def _every(place: str, *, stride: int, limit: int) -> Iterator[RGB]:
    with open_source(place) as source:
        for frame in islice(source, 0, stride * limit, stride):
            yield frame.rgb
