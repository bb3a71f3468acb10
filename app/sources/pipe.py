"""Pipes: standard input, named pipes, and whatever else can be read only once.

An MP4 or MOV whose header is at its end cannot be understood before it has come whole: it is kept
in memory, never on the disk. Standard input that is a file (`< clip.mp4`) is sought in.
"""

from __future__ import annotations

import io
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
_MOST_KEPT = 1 << 30  # bytes of an MP4 with its header at its end
_BEFORE_HEADER = frozenset((b"ftyp", b"styp", b"free", b"skip", b"wide", b"uuid", b"pnot"))


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
        self._ahead = b""

    def for_ffmpeg(self) -> Pipe | SeekablePipe:
        """What FFmpeg gets to read from. Raises InputError; waits for the first bytes."""
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            return SeekablePipe(self, os.fdopen(os.dup(self._descriptor), "rb"))
        if not self._header_is_last():
            return self
        kept = io.BytesIO()
        while data := self._read(_READ):
            kept.write(data)
            if kept.tell() > _MOST_KEPT:
                raise InputError(
                    f"{self.name} is an MP4 with its header at its end, and too long to keep in "
                    "memory; save it as a file, or write it with its header in front (faststart)."
                )
        kept.seek(0)
        return SeekablePipe(self, kept)

    def _header_is_last(self) -> bool:
        """Whether this is an MP4 or MOV whose pictures come before what describes them."""
        head, place = bytearray(), 0
        while True:
            while len(head) < place + 16:
                data = self._read(_READ)
                head += data
                if not data or len(head) > _READ * 16:
                    self._ahead = bytes(head)
                    return False
            self._ahead = bytes(head)
            kind = bytes(head[place + 4 : place + 8])
            if kind == b"mdat":
                return True
            length = int.from_bytes(head[place : place + 4], "big")
            if length == 1:
                length = int.from_bytes(head[place + 8 : place + 16], "big")
            if kind not in _BEFORE_HEADER or length < 8:
                return False
            self._ahead, place = b"", place + length

    def keep(self, failure: BaseException) -> None:
        """For `raise_failure()`."""
        self._failure = failure

    def read(self, size: int = _READ) -> bytes:
        if self._failure is not None or self._descriptor < 0:
            return b""
        try:
            return self._read(min(size, _READ) if size > 0 else _READ)
        except BaseException as error:  # noqa: BLE001
            self.keep(error)
            return b""

    def _read(self, size: int) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
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


class SeekablePipe:
    """Standard input that is a file, or what came through a pipe and is kept whole.

    Failures are kept for the pipe's `raise_failure()`.
    """

    def __init__(self, pipe: Pipe, file: io.BufferedIOBase) -> None:
        self.name = pipe.name
        self._pipe = pipe
        self._file = file

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except BaseException as error:  # noqa: BLE001
            self._pipe.keep(error)
            return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
