"""What a person may be put on. `blur:25`, `color:#00b140`, `image:beach.jpg`, or simply a path."""

from app.backgrounds.base import Background, backgrounds, create_background, shows_room

__all__ = ["Background", "backgrounds", "create_background", "shows_room"]
