"""What a live source promises: a camera, the screen, or a file played in real time.

A new one is one file in `app/sources` that registers itself:

    @live_sources.register("screen", title="Screen")
    class Screen(LiveSource): ...

`create_live_source("screen:1")` then makes it; the first option is what stands after the colon.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from app.errors import InputError
from app.frames import Frame
from app.registry import Registry, name_in
from app.system.files import expanded


@dataclass(frozen=True)
class Silence:
    """What is said where no picture has come for some seconds and nothing has failed."""

    sentence: str
    remedy: str


class LiveSource:
    """Frames as they happen.

    `open()`, `read()` and `close()` are called from one thread, the capture thread, each time in
    this order; a closed source may be opened again. The constructor opens nothing. A subclass with
    options has an inner frozen dataclass `Options` and takes one in its constructor.

    What goes wrong is raised as an exception of app.errors, one sentence with its remedy:

    - SourceLost: for now. Unplugged, busy, refused by the system, silent, frozen, black. The
      pipeline closes the source, and opens it again with growing pauses until it is back.
    - InputError and every other MattecamError: for good (no such file). Capture stops.
    - anything else is a defect or a driver's; it is reported and treated like SourceLost.

    silence: each source says in its own words that it has fallen silent; a file has no plug.
    """

    silence = Silence(
        "The source has given no picture for some seconds.",
        "If it does not come back, choose it again.",
    )

    @property
    def description(self) -> str:
        """What is really open, for the user: "Logitech C920, 1280x720, 30 fps, MJPG".

        Known after `open()`. The promised rate may stand here; the measured one is in the
        statistics.
        """
        raise NotImplementedError

    @property
    def rate(self) -> float | None:
        """Frames a second as promised, None where unknown. Known after `open()`."""
        return None

    def check(self) -> None:
        """Raises InputError where it names a file that is not there. Opens nothing.

        A device may be plugged in later, so it is not looked for.
        """

    def open(self) -> None:
        """Raises SourceLost or InputError. `close()` follows also when this raised."""
        raise NotImplementedError

    def read(self) -> Frame | None:
        """Waits for the next picture and gives it; None once `interrupt()` was called.

        `captured_at` is time.monotonic() of the moment when the light was taken, or the nearest
        that can be known, and grows from frame to frame; `index` counts from 0 since `open()`. The
        pixels are never written to again: a driver's buffer is copied. The size may change.
        Raises SourceLost where no picture comes for longer than the source finds normal, where the
        same picture comes again and again, and where the device is gone.
        """
        raise NotImplementedError

    def interrupt(self) -> None:
        """Called from any thread: a `read()` that waits, and each one to come, gives None soon.

        Lasts until the next `open()`. A source whose driver blocks cannot do it and need not: the
        capture thread is then left behind and named.
        """

    def close(self) -> None:
        """Releases the device. May be called twice, and after a failed `open()`."""


live_sources: Registry[LiveSource] = Registry("source", "app.sources")


def silence_of(spec: str) -> Silence:
    """What the source of `spec` says when it is silent; see `create_live_source`."""
    name = name_in(spec)
    known = name if name in live_sources.names() else "file"
    return live_sources.entry(known).factory.silence


def create_live_source(spec: str) -> LiveSource:
    """A source, not yet open, from `NAME[:VALUE][,KEY=VALUE...]`, or from the path of a file.

    `-` is standard input.

    Raises OptionError for a wrong option, and InputError where `spec` is neither a name nor
    anything that is there.
    """
    if name_in(spec) in live_sources.names():
        return live_sources.create_from_spec(spec)
    if spec != "-" and not os.path.exists(expanded(spec)):
        known = ", ".join(live_sources.names())
        raise InputError(
            f"There is no file and no source called {spec!r}. There are: {known}; "
            "or give the path of a video, a picture or a folder of pictures."
        )
    return live_sources.create("file", path=spec)
