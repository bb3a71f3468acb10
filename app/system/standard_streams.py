"""Standard input, output and error, whatever the shell did to them.

- Closed (`>&-`): Python has None for them, and the next file that is opened gets their number, so
  that what a library prints lands in it. They are opened on the null device.
- Output whose reader has gone (`| head -1`): `ReaderGone`, which no code that handles the errors of
  files or of children's pipes can take for its own.
- Output that cannot be written (a full disk): OutputError, in a sentence.
- Error output that cannot be written: what is said is lost; the work goes on.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from app.errors import OutputError


class ReaderGone(Exception):
    """Nobody reads this program's standard output any more."""


def guard_standard_streams() -> None:
    """For the program's own process, before it writes anything."""
    _fill_closed_descriptors()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _guarded(sys.stdout, 1, _Output)
    sys.stderr = _guarded(sys.stderr, 2, _Errors)


class _Output(io.RawIOBase):
    """A raw stream; after its first failure it swallows everything, so that exiting is quiet."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._failed = False

    def write(self, data: bytes) -> int | None:  # type: ignore[override]
        # Nothing is written by who only asks what kind of stream this is, and drops what is raised.
        if self._failed or not data:
            return len(data)
        try:
            return self._raw.write(data)
        except OSError as error:
            self._failed = True
            return self._failure(error, len(data))

    def _failure(self, error: OSError, size: int) -> int:
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from None
        raise OutputError(
            f"The standard output cannot be written: {error.strerror or error}."
        ) from None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()


class _Errors(_Output):
    def _failure(self, error: OSError, size: int) -> int:
        return size


def _guarded(stream: TextIO | None, number: int, kind: type[_Output]) -> TextIO:
    if stream is None:
        return open(number, "w", encoding="utf-8", closefd=False)
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # no buffer between them with PYTHONUNBUFFERED
    if not isinstance(raw, io.RawIOBase) or (sys.platform == "win32" and stream.isatty()):
        return stream  # not a file; or a console, which cannot break
    guarded: Any = kind(raw)
    return io.TextIOWrapper(
        guarded if buffer is raw else io.BufferedWriter(guarded),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=getattr(stream, "line_buffering", False) or number == 2,
        write_through=getattr(stream, "write_through", False),
    )


def _fill_closed_descriptors() -> None:
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
        os.set_inheritable(descriptor, True)
