"""Weights, beside Qt's thread: fetched, or taken from a file that the user brings."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from app.errors import MattecamError
from app.runtime.job import Cancelled, Control, Job
from app.weights import fetch, manifest, store


class WeightsJob(QObject):
    """One thing at a time. Emits `progress` with bytes done, bytes in all (0 where unknown) and the
    source, then one of `ready` (the weights' name), `failed` (a sentence) and `cancelled`."""

    progress = pyqtSignal(float, float, str)
    ready = pyqtSignal(str)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()
    _done = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job[str] | None = None
        self._done.connect(self._ended)

    @property
    def runs(self) -> bool:
        return self._job is not None

    def fetch(self, entry: manifest.Entry) -> None:
        def work(control: Control) -> str:
            def tell(done: int, total: int | None, source: str) -> None:
                if not control.cancelled:
                    self.progress.emit(float(done), float(total or 0), source)

            fetch.fetch(entry, progress=tell, cancelled=lambda: control.cancelled)
            return entry.name

        self._start("fetch", work)

    def take(self, path: Path, entry: manifest.Entry | None) -> None:
        """A file that the user has: the released one, or any that can be imported.

        entry: what is missing; its own file is copied as it is.
        """

        def work(control: Control) -> str:
            if entry is not None and path.stat().st_size == entry.bytes:
                store.place_released(entry, path)
                return entry.name
            # Foreign formats need torch; it is drawn in only here.
            from app.modnet.weights import import_file

            return str(import_file(path, name=None, force=False))

        self._start("import", work)

    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def wait(self, timeout: float) -> bool:
        return self._job is None or self._job.join(timeout)

    def _start(self, name: str, work: object) -> None:
        if self._job is None:
            self._job = Job(name, work, on_done=self._done.emit)  # type: ignore[arg-type]
            self._job.start()

    def _ended(self, job: Job[str]) -> None:
        self._job = None
        error = job.error
        if error is None:
            self.ready.emit(job.result())
        elif isinstance(error, (Cancelled, fetch.FetchCancelled)):
            self.cancelled.emit()
        elif isinstance(error, MattecamError):
            self.failed.emit(str(error))
        else:
            self.failed.emit(f"The file could not be used: {error}.")
