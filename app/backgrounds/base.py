"""What a background promises."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from typing_extensions import Self

from app.errors import InputError, MattecamError, OptionError
from app.frames import RGB, Cutout
from app.registry import Registry, name_in
from app.system.files import expanded


class Background:
    """Gives the picture behind the person, frame by frame. Used from one thread at a time.

    `open()` loads what is needed (a picture, a clip) and raises InputError with one sentence;
    `close()` lets it go and may be called twice; a closed background may be opened again. As a
    context manager it opens and closes itself. A subclass with options has an inner frozen
    dataclass `Options` and takes one in its constructor, which opens nothing.

    Attributes:
        shows_room: Whether what it renders is what the camera sees behind the person.
    """

    shows_room: ClassVar[bool] = False

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Whether this background is made from files such as `path`.

        Looks into the file where it is there, and at its suffix where it is not. A class that says
        yes takes the path as its first option.
        """
        return False

    def open(self) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def reset(self) -> None:
        """The source changed or jumped in time: forget the past (a video starts over)."""

    def render(self, cutout: Cutout) -> RGB | None:
        """The background at the frame's size, uint8 (H, W, 3), or None for transparent.

        The array is not kept by the caller beyond this frame and not written to.
        """
        raise NotImplementedError


backgrounds: Registry[Background] = Registry("background", "app.backgrounds")


def create_background(spec: str) -> Background:
    """A background from `NAME[:VALUE][,KEY=VALUE...]`, or from the bare path of a picture or clip.

    Options may follow a path too: `beach.jpg,fit=contain`. Raises OptionError, naming what there
    is, where `spec` is neither, and InputError where it is a path that leads nowhere. A named
    background that misses its file says so when it is opened.
    """
    name = name_in(spec)
    # A name wins over a file that is called the same; `./blur` is the file. "C:\x.jpg" is no name.
    if name in backgrounds.names():
        return backgrounds.create_from_spec(spec)
    path = _path_in(spec)
    for entry in backgrounds.entries():
        if entry.factory.reads(path):
            return backgrounds.create_from_spec(f"{entry.name}:{spec}")
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give a picture or a clip in it as the background.")
    if "/" in spec or "\\" in spec:
        raise InputError(f"There is no file {spec}; check the path of the background.")
    known = ", ".join(backgrounds.names())
    raise OptionError(
        f"There is no background called {spec!r}. There are: {known}; "
        "or give the path of a picture or clip."
    )


def shows_room(spec: str) -> bool:
    """Whether the background that `spec` names shows the room; False where `spec` is unusable."""
    try:
        return create_background(spec).shows_room
    except MattecamError:
        return False


def background_files(spec: str) -> list[Path]:
    """The files that the background of `spec` reads. Raises OptionError for a wrong option."""
    if name_in(spec) in backgrounds.names():
        return backgrounds.paths_in(spec)
    return [_path_in(spec)]


def _path_in(spec: str) -> Path:
    """The path of a bare `beach.jpg,fit=contain`."""
    return expanded(re.split(r",\s*[a-z_]+\s*=", spec, maxsplit=1)[0])
