"""Files of the user's own become backgrounds: looked at first, then in the gallery and chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QImage

from app.gui.background_panel import BackgroundPanel
from app.gui.thumbnails import Thumbnails


class BackgroundIntake(QObject):
    """Between the files, the thumbnails and the gallery.

    refused: a sentence on a file that is no background. taken: one is in the gallery now, and
    chosen.
    """

    refused = pyqtSignal(str)
    taken = pyqtSignal()

    def __init__(self, panel: BackgroundPanel, parent: QObject) -> None:
        super().__init__(parent)
        self._panel = panel
        self._new: set[str] = set()
        self.thumbnails = Thumbnails(self)
        self.thumbnails.done.connect(self._done)
        self.thumbnails.failed.connect(self._failed)

    def fill(self, specs: Sequence[str]) -> None:
        """What is in the gallery from the start; thumbnails follow."""
        for spec in specs:
            self._panel.gallery.add(spec, moves=_is_video(spec))

    def add(self, paths: Sequence[Path]) -> None:
        """Each is looked at first; the last one that works is chosen."""
        from app.backgrounds import backgrounds

        specs = []
        for path in paths:
            kind = next((e.name for e in backgrounds.entries() if e.factory.reads(path)), None)
            if kind is None:
                self.refused.emit(
                    self.tr("{0} is neither a picture nor a video.").format(path.name)
                )
            else:
                specs.append(f"{kind}:{path}")
        self._new.update(specs)
        self.thumbnails.ask(specs)

    def _done(self, spec: str, image: QImage) -> None:
        if spec in self._new:
            self._new.discard(spec)
            self._panel.gallery.add(spec, moves=_is_video(spec))
            self.taken.emit()
            self._panel.choose(spec)
        self._panel.gallery.set_thumbnail(spec, image)

    def _failed(self, spec: str, sentence: str) -> None:
        if spec in self._new:
            self._new.discard(spec)
            self.refused.emit(sentence)
        else:
            self._panel.gallery.set_broken(spec, sentence)


def _is_video(spec: str) -> bool:
    """By the file's own beginning, where it is there."""
    from app.sources.pictures import looks_like_picture

    if spec.startswith("sample/"):
        return False
    return not looks_like_picture(Path(spec.partition(":")[2]))
