"""Profiles: settings under a name, each in a file of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.errors import OutputError
from app.gui.window_settings import profiles_folder
from app.settings import LiveSettings, Loaded, live_settings_file

_UNSAFE = re.compile(r"[^\w .()-]+")
_LONGEST = 60  # characters of a name


def names() -> Sequence[str]:
    return sorted(path.stem for path in profiles_folder().glob("*.json"))


def save(name: str, settings: LiveSettings) -> str:
    """Gives the name as it could be used, empty where nothing of it can. Raises OutputError."""
    safe = _UNSAFE.sub(" ", name).strip()[:_LONGEST]
    if safe:
        live_settings_file(profiles_folder() / f"{safe}.json").save(settings)
    return safe


def load(name: str) -> Loaded[LiveSettings]:
    return live_settings_file(profiles_folder() / f"{name}.json").load()


def remove(name: str) -> None:
    """Raises OutputError."""
    try:
        (profiles_folder() / f"{name}.json").unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{name} cannot be removed: {error.strerror}.") from error
