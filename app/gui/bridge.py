"""The only seam between the window and the pipeline: signals up, calls down.

The pipeline and all that it draws in (OpenCV, FFmpeg, the registered parts) is imported beside
Qt's thread, so that the window stands before anything heavy is touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, pyqtSignal

from app.frames import Composite, Frame
from app.runtime.job import Job
from app.settings import LiveSettings

if TYPE_CHECKING:
    from app.live import Callbacks, Info, LivePipeline, Preview, State

log = logging.getLogger(__name__)

MakePipeline = Callable[[LiveSettings, "Callbacks"], "LivePipeline"]


def _make_pipeline(settings: LiveSettings, callbacks: Callbacks) -> LivePipeline:
    from app.live import LivePipeline

    return LivePipeline(settings, callbacks)


class Bridge(QObject):
    """Owns the pipeline. Everything here is called from, and told in, Qt's thread.

    ready: the pipeline is there; nothing runs yet. frame_ready: a doorbell, it carries nothing:
    `take()` gives the picture. failed: a live.Failure. state_changed: a live.State. stats_changed:
    a stats.Snapshot, once a second. info_changed: a live.Info that differs from the one before.
    """

    ready = pyqtSignal()
    unusable = pyqtSignal(str)
    frame_ready = pyqtSignal()
    stats_changed = pyqtSignal(object)
    failed = pyqtSignal(object)
    state_changed = pyqtSignal(object)
    info_changed = pyqtSignal(object)
    _prepared = pyqtSignal(object)

    def __init__(
        self,
        settings: LiveSettings,
        *,
        make_pipeline: MakePipeline = _make_pipeline,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._make = make_pipeline
        self._pipeline: LivePipeline | None = None
        self._preview: Preview | None = None
        self._info: Info | None = None
        self._job: Job[None] | None = None
        self._prepared.connect(self._create)
        self.state_changed.connect(self._look_at_info)
        self.stats_changed.connect(self._look_at_info)

    def prepare(self) -> None:
        """Loads what the pipeline needs; `ready` or `unusable` follows."""
        self._job = Job(
            "prepare", lambda _: _import_parts(), on_done=lambda job: self._prepared.emit(job.error)
        )
        self._job.start()

    def _create(self, error: Exception | None) -> None:
        if error is not None:
            log.error("the parts of the pipeline cannot be imported", exc_info=error)
            self.unusable.emit(str(error))
            return
        from app.live import Callbacks

        # Called in a thread of the pipeline; a signal crosses over to Qt's.
        callbacks = Callbacks(
            on_failure=self.failed.emit,
            on_state_changed=self.state_changed.emit,
            on_stats=self.stats_changed.emit,
        )
        self._pipeline = self._make(self._settings, callbacks)
        self._preview = self._pipeline.add_preview(self.frame_ready.emit)
        self.ready.emit()

    @property
    def is_ready(self) -> bool:
        return self._pipeline is not None

    @property
    def state(self) -> State | None:
        return None if self._pipeline is None else self._pipeline.state

    @property
    def info(self) -> Info | None:
        return None if self._pipeline is None else self._pipeline.info

    # Calls down. Before `ready` there is nothing to call; the settings are kept.

    def start(self) -> None:
        """Raises MattecamError where a setting names what does not exist."""
        if self._pipeline is not None:
            self._pipeline.start()

    def apply(self, settings: LiveSettings) -> None:
        """Raises MattecamError where a setting names what does not exist."""
        if self._pipeline is not None:
            self._pipeline.apply(settings)
        self._settings = settings

    def stop(self, timeout: float = 3.0) -> tuple[str, ...]:
        """The names of threads that did not end in time."""
        return () if self._pipeline is None else self._pipeline.stop(timeout)

    def pause(self) -> None:
        if self._pipeline is not None:
            self._pipeline.pause()

    def freeze(self) -> None:
        if self._pipeline is not None:
            self._pipeline.freeze()

    def show_card(self) -> None:
        if self._pipeline is not None:
            self._pipeline.show_card()

    def resume(self) -> None:
        if self._pipeline is not None:
            self._pipeline.resume()

    def retry(self) -> None:
        """Starts again what failed for good, and tries the source at once."""
        if self._pipeline is not None:
            self._pipeline.retry()

    def take(self) -> Frame | Composite | None:
        """The newest picture, once; a bare Frame where there is no matte for it."""
        return None if self._preview is None else self._preview.take()

    def shown(self, picture: Frame | Composite) -> None:
        """The picture is on the screen: counted for the delay."""
        if self._preview is not None:
            self._preview.shown(picture)

    def set_seen(self, seen: bool) -> None:
        """Whether anybody can see what `take()` gives: see LiveSettings.on_demand."""
        if self._preview is not None:
            self._preview.seen = seen

    @property
    def source_rate(self) -> float | None:
        """Pictures a second of the source, nominal; None while it is not known."""
        info = self.info
        return None if info is None else info.source_rate

    def add_tap(self, tap: Callable[[Composite], None]) -> None:
        """See LivePipeline.add_tap: `tap` is called in a thread of the pipeline."""
        if self._pipeline is not None:
            self._pipeline.add_tap(tap)

    def remove_tap(self, tap: Callable[[Composite], None]) -> None:
        if self._pipeline is not None:
            self._pipeline.remove_tap(tap)

    def _look_at_info(self) -> None:
        info = self.info
        if info is not None and info != self._info:
            self._info = info
            self.info_changed.emit(info)


def _import_parts() -> None:
    import app.live  # noqa: F401
    from app.backgrounds import backgrounds
    from app.engines.base import engines
    from app.outputs.live_base import live_outputs
    from app.refine.edge import edge_tools
    from app.sources.live_base import live_sources
    from app.temporal.base import temporal_filters

    for registry in (
        backgrounds,
        engines,
        live_outputs,
        live_sources,
        edge_tools,
        temporal_filters,
    ):
        registry.discover()
