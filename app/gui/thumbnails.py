"""Small pictures of backgrounds, rendered by the backgrounds themselves, beside Qt's thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QImage

from app.errors import MattecamError
from app.frames import RGB, Cutout, Frame
from app.gui.gallery import resolved
from app.runtime.job import Control, Job

# Twice the size on the screen, for displays of high density.
SIZE = (192, 108)


def render(spec: str) -> RGB | None:
    """What the background looks like: uint8 (108, 192, 3); None for transparent.

    Raises MattecamError where it cannot be opened.
    """
    from app.backgrounds import create_background

    width, height = SIZE
    grey = np.full((height, width, 3), 128, np.uint8)
    cutout = Cutout(Frame(grey, 0, 0.0), np.zeros((height, width), np.uint8), grey)
    with create_background(spec) as background:
        return background.render(cutout)


class Thumbnails(QObject):
    """Emits `done` with a spec and its image, or `failed` with the spec and a sentence."""

    done = pyqtSignal(str, QImage)
    failed = pyqtSignal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job[None]] = []

    def ask(self, specs: Sequence[str]) -> None:
        """Begins; the answers come one by one, in order."""
        job = Job("thumbnails", lambda control: self._work(control, tuple(specs)))
        self._jobs = [old for old in self._jobs if not old.done] + [job]
        job.start()

    def cancel(self) -> None:
        for job in self._jobs:
            job.cancel()

    def wait(self, timeout: float) -> bool:
        """Whether every job has ended by then."""
        return all(job.join(timeout) for job in self._jobs)

    def _work(self, control: Control, specs: Sequence[str]) -> None:
        for spec in specs:
            control.check()
            try:
                picture = render(resolved(spec))
            except MattecamError as error:
                self.failed.emit(spec, str(error))
                continue
            image = QImage()
            if picture is not None:
                rows, columns = picture.shape[:2]
                packed = np.ascontiguousarray(picture)
                image = QImage(
                    packed.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888
                ).copy()
            control.check()
            self.done.emit(spec, image)
