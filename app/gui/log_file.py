"""The log file: what a user sends along with a report.

So it names no picture, no clip and no folder, unless the program was started with --debug. An
exception is told by its type and its traceback: its message may hold a name.
"""

from __future__ import annotations

import copy
import io
import logging
import logging.handlers
import os
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from app import places
from app.plain_text import PlainFormatter
from app.system.files import PRIVATE_FILE, make_private_folder, private_opener

_LARGEST = 1_000_000  # bytes; then a new file begins
_KEPT = 3
_FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
_WITHHELD = "(a name, not logged without --debug)"
# A path, an address, or a file's name with its ending.
_NAME = re.compile(r"[/\\]\S|://|\.[A-Za-z][A-Za-z0-9]{1,4}\b")


def log_path() -> Path:
    return places.config() / "logs" / "mattecam.log"


def open_log(path: Path) -> logging.Handler:
    """Writes everything from INFO on to `path`, with rotation; the caller closes it.

    Where the root's level is DEBUG already (--debug), everything is written, with names. Raises
    OSError where the folder cannot be written.
    """
    if path.is_relative_to(places.config()):
        places.make_config()
    make_private_folder(path.parent)
    for former in path.parent.glob(f"{path.name}*"):
        former.chmod(PRIVATE_FILE)  # as an earlier version left it
    handler = _PrivateFile(path, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8", delay=True)
    root = logging.getLogger()
    with_names = root.level == logging.DEBUG
    handler.setFormatter(PlainFormatter(_FORMAT) if with_names else NamelessFormatter(_FORMAT))
    handler.setLevel(logging.DEBUG if with_names else logging.INFO)
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


class NamelessFormatter(PlainFormatter):
    """A record without the names in it.

    A message of this program keeps its words; each of its arguments that is a path, an exception,
    or text with a name in it, is replaced. A library's message may hold names anywhere, so only
    its logger and its level are kept.
    """

    def format(self, record: logging.LogRecord) -> str:
        safe = copy.copy(record)
        if record.name.partition(".")[0] == "app":
            safe.args = _without_names(record.args)
        else:
            safe.msg, safe.args = "a message of a library, not logged without --debug", ()
        safe.exc_text = None  # made by another formatter, with names
        safe.stack_info = None
        return super().format(safe)

    def formatException(  # noqa: N802
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        error = ei[1]
        page = io.StringIO()
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            page.writelines(traceback.format_tb(error.__traceback__))
            page.write(f"{type(error).__name__}\n")
            error = error.__cause__ or error.__context__
        return page.getvalue().rstrip()


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Each file that it begins is the user's alone."""

    def _open(self) -> io.TextIOWrapper:
        descriptor = private_opener(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return io.TextIOWrapper(open(descriptor, "ab"), encoding=self.encoding)


def _without_names(arguments: object) -> tuple[object, ...] | Mapping[str, object]:
    if isinstance(arguments, Mapping):
        return {key: _without_name(value) for key, value in arguments.items()}
    return tuple(map(_without_name, arguments)) if isinstance(arguments, tuple) else ()


def _without_name(argument: object) -> object:
    if argument is None or isinstance(argument, (int, float)):
        return argument
    if isinstance(argument, BaseException):
        reason = argument.strerror if isinstance(argument, OSError) else None
        return f"{type(argument).__name__}: {reason}" if reason else type(argument).__name__
    if isinstance(argument, os.PathLike):
        return _WITHHELD
    text = str(argument)
    return _WITHHELD if _NAME.search(text) else text
