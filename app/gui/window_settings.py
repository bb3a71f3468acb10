"""What the window remembers of itself; what the picture is made of is in LiveSettings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from app import places
from app.gui.preview import Mode
from app.settings import Settings, SettingsFile


class WindowSettings(Settings):
    """geometry: Qt's own description of place and size, in base64. mode: what the preview shows.

    split: the divider's place, 0 to 1. gallery: the backgrounds to choose from, as specs, in their
    order. known_samples: the samples that were offered once, so that one that was removed stays
    away. closed: the names of the panels that are folded. doctor_shown: whether the doctor's page
    was brought up by itself already, for a virtual camera that failed. clips: the last recordings,
    the newest first. weights_before: the name of adapted weights, and what was used before them.
    """

    geometry: str = ""
    mode: Mode = Mode.COMPOSITE
    split: float = Field(0.5, ge=0, le=1)
    appearance: Literal["system", "light", "dark"] = "system"
    panel: bool = True
    closed: tuple[str, ...] = (
        "camera",
        "output",
        "recording",
        "convert",
        "engine",
        "performance",
        "profiles",
    )
    gallery: tuple[str, ...] = ()
    known_samples: tuple[str, ...] = ()
    kinds: dict[str, str] = Field(default_factory=dict)
    profile: str = ""
    frame_times: bool = False
    doctor_shown: bool = False
    clips: tuple[str, ...] = ()
    weights_before: tuple[str, str] = ("", "")


def window_settings_file() -> SettingsFile[WindowSettings]:
    return SettingsFile(WindowSettings, places.config() / "window.json")


def profiles_folder() -> Path:
    """One file of LiveSettings for each profile."""
    return places.config() / "profiles"
