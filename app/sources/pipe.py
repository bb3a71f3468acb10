"""Pipes: standard input, named pipes, and whatever else can be read only once."""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import time
from pathlib import Path

from app.errors import InputError

_log = logging.getLogger(__name__)

STANDARD_INPUT = Path("-")
_READ = 1 << 18
_SPEAK_AFTER = 3.0  # seconds of silence
_GIVE_UP_AFTER = 60.0  # seconds in which nobody opens a named pipe to write into it


def pipe_at(path: Path) -> bool:
    """Whether `path` is standard input, or something that cannot be read twice."""
    if str(path) == str(STANDARD_INPUT):
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def open_pipe(path: Path) -> Pipe:
    """Opens it, once. Raises InputError where nothing can come from it."""
    if str(path) == str(STANDARD_INPUT):
        if sys.stdin is None:
            raise InputError("There is no standard input here; name a file.")
        descriptor = os.dup(sys.stdin.fileno())
        name, patience = "Standard input", None
    else:
        name, patience = str(path), _GIVE_UP_AFTER
        # Without O_NONBLOCK, open() itself would wait for a writer, deaf to Ctrl-C on some systems.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror or error}.") from None
    if os.isatty(descriptor):
        os.close(descriptor)
        raise InputError(f"{name} is a terminal; pipe a video into it, or name a file.")
    return Pipe(descriptor, name, patience)


class Pipe:
    """What FFmpeg reads from: bytes as they come, waited for in a way that Ctrl-C ends.

    What goes wrong inside a read cannot pass through FFmpeg; it is kept for `raise_failure()`.
    """

    def __init__(self, descriptor: int, name: str, patience: float | None = None) -> None:
        """patience: seconds until the first byte has come."""
        self.name = name
        self._patience = patience
        self._descriptor = descriptor
        self._failure: BaseException | None = None
        self._read_any = False
        self._told = False

    def read(self, size: int = _READ) -> bytes:
        if self._failure is not None or self._descriptor < 0:
            return b""
        try:
            return self._read(min(size, _READ) if size > 0 else _READ)
        except BaseException as error:  # noqa: BLE001
            self._failure = error
            return b""

    def _read(self, size: int) -> bytes:
        began = time.monotonic()
        while True:
            if os.name != "nt":  # select() is for sockets only there, and read() waits
                ready, _, _ = select.select([self._descriptor], [], [], 0.5)
                if not ready:
                    self._wait(time.monotonic() - began)
                    continue
            try:
                data = os.read(self._descriptor, size)
            except BlockingIOError:
                continue
            except OSError as error:
                raise InputError(
                    f"{self.name} cannot be read: {error.strerror or error}."
                ) from None
            if not data and not self._read_any:
                raise InputError(f"{self.name} is empty: it ended before one byte came.")
            self._read_any = True
            return data

    def _wait(self, waited: float) -> None:
        if waited > _SPEAK_AFTER and not self._told:
            self._told = True
            _log.warning("Waiting for data from %s.", self.name)
        if self._patience is not None and waited > self._patience and not self._read_any:
            raise InputError(f"Nothing came from {self.name} for {self._patience:.0f} s.")

    def raise_failure(self) -> None:
        """Raises what went wrong while FFmpeg was reading: InputError, KeyboardInterrupt, ..."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
