"""A window that records the demo clip to learn from it, until a signal or `close` on stdin ends it.

python adapt_until_told.py recording|learning

Prints a line of JSON when it is that far: the folder of the recording. What learns is a child that
does nothing until its standard input ends, as it does when this process is gone.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.gui import application
from app.gui.adapt_run import Phase
from app.gui.main_window import MainWindow
from app.settings import LiveSettings, live_settings_file

_CHILD = "import sys; sys.stdin.read()"


class _Stdin(QObject):
    told = pyqtSignal()

    def listen(self) -> None:
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        if sys.stdin.readline():
            self.told.emit()


class _Window(MainWindow):
    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._until = Phase[sys.argv[1].replace("learning", "working").upper()]
        run = self.adapting.run
        run.seconds = 600 if self._until is Phase.RECORDING else 0.5
        run.child.program = [sys.executable, "-c", _CHILD]
        run.over.connect(lambda end, words: sys.stderr.write(f"{end} {words}\n"))
        self._stdin = _Stdin(self)
        self._stdin.told.connect(self.close)
        self._stdin.listen()
        self._look = QTimer(self)
        self._look.setInterval(20)
        self._look.timeout.connect(self._step)
        self._look.start()

    def _step(self) -> None:
        run = self.adapting.run
        if self.preview.composite is not None and run.phase is Phase.IDLE:
            run.start("modnet-photographic", 0.1)
        take = run._take
        if run.phase is self._until and take is not None and take.count > 0:
            self._look.stop()
            sys.stdout.write(json.dumps({"folder": str(take.frames.parent)}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    plain = LiveSettings(engine="null", source="demo", background="color", temporal="off")
    live_settings_file().save(plain)
    application.MainWindow = _Window  # type: ignore[misc]
    sys.exit(application.run())
