"""The first start: the model is missing, and the preview's middle says how it comes here."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import QFileDialog

from app.gui.notice import Action, Notice
from app.gui.weights_job import WeightsJob
from app.weights import manifest


class WeightsOffer(QObject):
    """Speaks through the preview's notice.

    ready: the name of weights that are here now. failed: a sentence. ended: the notice is free.
    """

    ready = pyqtSignal(str)
    failed = pyqtSignal(str)
    ended = pyqtSignal()

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice)
        self._notice = notice
        self._entry: manifest.Entry | None = None
        self._job = WeightsJob(self)
        self._job.progress.connect(self._progress)
        self._job.ready.connect(self.ready)
        self._job.failed.connect(self.failed)
        for signal in (self._job.ready, self._job.failed, self._job.cancelled):
            signal.connect(lambda *_: self.ended.emit())

    @property
    def runs(self) -> bool:
        """Whether something is being fetched or taken; the notice then belongs to that."""
        return self._job.runs

    def offer(self, name: str, why: str) -> None:
        """name: of the weights that are missing. why: what the pipeline said."""
        self._entry = manifest.read().find(name)
        bring = Action(self.tr("I have the file…"), self._ask_for_file)
        if self._entry is None:
            self._notice.say(
                self.tr("The model is missing"), why, symbol="download", actions=(bring,)
            )
            return
        entry = self._entry
        sizes = [entry.download_bytes(source) / 1e6 for source in entry.sources]
        sources = [
            f"{source} ({size:.1f} MB)" for source, size in zip(entry.sources, sizes, strict=True)
        ]
        self._notice.say(
            self.tr("One thing is missing: the model that finds you in the picture"),
            self.tr(
                "It is downloaded once, from {0}, and stays on this computer. Nothing of you "
                "leaves it. Without a connection, bring the file {1} from another computer."
            ).format(self.tr(" or ").join(sources), entry.file),
            symbol="download",
            actions=(
                Action(self.tr("Download the model, {0:.1f} MB").format(sizes[0]), self.fetch),
                bring,
            ),
        )

    def fetch(self) -> None:
        """Downloads what was offered, with progress and cancel."""
        if self._entry is None:
            return
        self._job.fetch(self._entry)
        self._notice.say(
            self.tr("Downloading the model"),
            self.tr("Connecting…"),
            symbol="download",
            progress=True,
            actions=(Action(self.tr("Cancel"), self._job.cancel),),
        )

    def take(self, path: Path) -> None:
        """A file that the user brings."""
        self._job.take(path, self._entry)
        self._notice.say(self.tr("Checking the file"), path.name, symbol="download", progress=True)

    def cancel(self) -> None:
        self._job.cancel()

    def wait(self, timeout: float) -> bool:
        return self._job.wait(timeout)

    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self._notice, self.tr("The model's file"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.take(Path(path)))
        dialog.open()

    def _progress(self, done: float, total: float, source: str) -> None:
        of = f" / {total / 1e6:.1f}" if total else ""
        self._notice.set_progress(done, total or None, f"{done / 1e6:.1f}{of} MB, {source}")
