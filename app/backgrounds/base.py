"""What a background promises."""

from __future__ import annotations

from app.frames import RGB, Cutout
from app.registry import Registry


class Background:
    """Gives the picture behind the person, frame by frame. Used from one thread at a time.

    `open()` loads what is needed (a picture, a clip) and raises InputError with one sentence;
    `close()` lets it go and may be called twice. A subclass with options has an inner frozen
    dataclass `Options` and takes one in its constructor, which opens nothing.
    """

    def open(self) -> None: ...

    def close(self) -> None: ...

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

    Raises OptionError, naming what there is, where it is neither.
    """
    raise NotImplementedError(spec)
