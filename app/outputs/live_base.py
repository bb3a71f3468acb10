"""What a live output promises: a virtual camera, a PipeWire node, a recorder.

A new one is one file in `app/outputs` that registers itself:

    @live_outputs.register("pipewire", title="PipeWire camera")
    class PipeWireCamera(LiveOutput): ...

`create_live_output("pipewire:mattecam")` then makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.outputs.base import Picture
from app.registry import Registry


@dataclass(frozen=True)
class LiveFormat:
    """What an output gets while it is open.

    size: (width, height), both even. rate: pictures a second, nominal.
    """

    size: tuple[int, int]
    rate: float


class LiveOutput:
    """Takes pictures as they come, in a thread of its own: it may wait as long as it must.

    `open()`, `write()`, `failure()` and `close()` are called from that one thread; a closed output
    may be opened again. The constructor opens nothing. A subclass with options has an inner frozen
    dataclass `Options` and takes one in its constructor.

    What goes wrong is raised as an exception of app.errors, one sentence with its remedy:

    - OutputLost: for now (the device went away, its reader closed the pipe). The pipeline closes
      the output and opens it again with growing pauses.
    - anything else, an OutputError above all: for good. This output is removed; the rest goes on.

    accepts_alpha: whether `write()` may get RGBA where the background is transparent; else such
        pictures come on black.
    private: whether other people see it. Such an output never gets the bare room: a neutral picture
        comes at the start until the first matte exists, on pause, on a stall, and when matting
        fails. It also follows `mirror_output`.
    fixed_size: whether every picture has exactly `LiveFormat.size`, letterboxed; else it has the
        frame's own size, which may change from picture to picture.
    paced: whether the last picture is sent again where no new one comes in its turn, so that a
        reader gets about `LiveFormat.rate` a second; counted as resent, never as new.
    depth: how many pictures may wait; beyond it the oldest is dropped and counted.
    """

    accepts_alpha = False
    private = True
    fixed_size = True
    paced = True
    depth = 1

    @property
    def description(self) -> str:
        """Where the pictures go, for the user: "OBS Virtual Camera", "/dev/video4". After `open`"""
        raise NotImplementedError

    @property
    def device(self) -> Path | None:
        """The device node whose readers can be counted, while it is open; else None."""
        return None

    def open(self, form: LiveFormat) -> None:
        """Raises OutputError or OutputLost. `close()` follows also when this raised."""
        raise NotImplementedError

    def write(self, picture: Picture, captured_at: float) -> None:
        """One picture: uint8 (H, W, 3), or (H, W, 4) straight alpha where `accepts_alpha`.

        captured_at: the frame's, on time.monotonic()'s clock; of the neutral picture, the moment it
        was put up. The same picture may come again (`paced`). It is read only and may be kept.
        Pacing is the pipeline's: do not wait here for the next frame's turn.
        """
        raise NotImplementedError

    def failure(self) -> str | None:
        """Asked after each write: why pictures do not arrive although `write` raised nothing.

        One sentence with its remedy, or None while all is well. An answer counts as OutputLost.
        """
        return None

    def interrupt(self) -> None:
        """Called from any thread when the pipeline stops: a `write()` that waits should give up."""

    def close(self) -> None:
        """Releases the device, finishes the file. May be called twice, and after a failed open."""


live_outputs: Registry[LiveOutput] = Registry("output", "app.outputs")


def create_live_output(spec: str) -> LiveOutput:
    """An output, not yet open, from `NAME[:VALUE][,KEY=VALUE...]`. Raises OptionError."""
    return live_outputs.create_from_spec(spec)
