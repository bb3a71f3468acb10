"""`python main.py gui`, and what `python main.py` does where there is a display."""

from __future__ import annotations

import os
import sys

import typer

from app.cli import cli
from app.errors import UsageError


def has_display() -> bool:
    """Whether a window can be shown."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@cli.command("gui")
def gui() -> None:
    """Open the window: yourself on the background of your choice, and a virtual camera."""
    if not has_display():
        raise UsageError(
            "There is no display to open a window on; `python main.py live` and "
            "`python main.py convert` work without one."
        )
    try:
        from app.gui.application import run
    except ImportError as error:
        raise UsageError(
            f"The window cannot be opened: {error}. Install what it needs: make setup."
        ) from error
    code = run()
    if code:
        raise typer.Exit(code)
