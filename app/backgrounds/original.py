"""The room as it is."""

from __future__ import annotations

from app.backgrounds.base import Background, backgrounds
from app.frames import RGB, Cutout


@backgrounds.register("original", title="Original")
class Original(Background):
    """The room as the camera sees it: nothing is replaced."""

    shows_room = True

    def render(self, cutout: Cutout) -> RGB:
        return cutout.frame.rgb
