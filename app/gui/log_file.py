"""The log file: what a user sends along with a report."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

from app import places

_LARGEST = 1_000_000  # bytes; then a new file begins
_KEPT = 3


def log_path() -> Path:
    return places.config() / "logs" / "mattecam.log"


def open_log(path: Path) -> logging.Handler:
    """Writes everything from INFO on to `path`, with rotation; the caller closes it.

    Raises OSError where the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8", delay=True
    )
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s")
    )
    handler.setLevel(logging.INFO)
    root = logging.getLogger()
    root.addHandler(handler)
    # The root's own level would keep INFO back; the console's handler has a level of its own.
    for other in root.handlers:
        if other is not handler and other.level == logging.NOTSET:
            other.setLevel(root.level)
    root.setLevel(min(root.level, logging.INFO))
    return handler


def close_log(handler: logging.Handler) -> None:
    logging.getLogger().removeHandler(handler)
    handler.close()
