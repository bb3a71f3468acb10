"""Nothing behind the person."""

from __future__ import annotations

from app.backgrounds.base import Background, backgrounds
from app.frames import Cutout


@backgrounds.register("transparent", title="Transparent")
class Transparent(Background):
    """No background: the result has an alpha channel (PNG, WebM, MOV)."""

    def render(self, cutout: Cutout) -> None:
        return None
