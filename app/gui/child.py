"""A command of this program in a process of its own: it gives way to a call, and can be ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from PyQt6.QtCore import QObject, QProcess, QTimer, pyqtSignal

from app.system.json_lines import Lines
from app.system.program import command_line, last_line, signal_name

_NICE = 10
_PATIENCE = 3000  # milliseconds that a child gets to end by itself


class Child(QObject):
    """One command at a time.

    told: an object for each line of JSON that it wrote. ended: once for each start, after the
    last line; None where all went well, else its last words, "" where it had none, or which
    signal ended it. program: what
    is run, before the command's own arguments.
    """

    told = pyqtSignal(dict)
    ended = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.program = command_line()
        self._process: QProcess | None = None
        self._lines = Lines()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE)
        self._patience.timeout.connect(self._lose_patience)

    @property
    def runs(self) -> bool:
        return self._process is not None

    def start(self, arguments: Sequence[str]) -> None:
        if self._process is not None:
            raise RuntimeError("the child runs already")
        process = QProcess(self)
        self._process, self._lines = process, Lines()
        process.readyReadStandardOutput.connect(self._read)
        process.started.connect(self._give_way)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed)
        process.start(self.program[0], [*self.program[1:], *arguments])

    def cancel(self) -> None:
        """Asks it to end, and makes it where it does not, as on Windows."""
        if self._process is not None:
            self._process.terminate()
            self._patience.start()

    def end(self) -> None:
        """As `cancel`, but waits for it; `ended` is not told any more."""
        process, self._process = self._process, None
        self._patience.stop()
        if process is None:
            return
        process.blockSignals(True)
        process.terminate()
        if not process.waitForFinished(_PATIENCE):
            process.kill()
            process.waitForFinished(_PATIENCE)
        process.deleteLater()

    def _give_way(self) -> None:
        """A call that goes on is worth more. Its threads are still to come, and inherit this."""
        if self._process is not None and hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.processId(), _NICE)

    def _lose_patience(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _read(self) -> None:
        if self._process is None:
            return
        for told in self._lines.feed(self._process.readAllStandardOutput().data()):
            self.told.emit(told)

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._over(self.tr("It could not be started."))

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        process = self._process
        if process is None:
            return
        self._read()
        if code == 0 and status is QProcess.ExitStatus.NormalExit:
            self._over(None)
            return
        words = process.readAllStandardError().data().decode("utf-8", "replace")
        if status is QProcess.ExitStatus.CrashExit:
            # Its last line is not about this: it had no time to say anything. On Windows the code
            # is no signal's number.
            signal = "" if os.name == "nt" else f" ({signal_name(code)})"
            self._over(
                self.tr("The process that did it was ended by the system{0}.").format(signal)
            )
            return
        self._over(last_line(words))

    def _over(self, words: str | None) -> None:
        process, self._process = self._process, None
        self._patience.stop()
        if process is not None:
            process.deleteLater()
            self.ended.emit(words)
