"""One line of truth: rate in, rate out, delay; amber while frames are dropped."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QToolButton, QWidget

from app.gui.message_bar import restyle

if TYPE_CHECKING:
    from app.stats import Snapshot

# Of the frames that come in, so many may be dropped before the line turns amber.
_DROPS_SHOWN = 0.05
_PREVIEW = "preview"


class TruthLine(QToolButton):
    """Fed once a second. Why it is amber stands in its tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("truth")
        # Room enough for what it says, so that nothing beside it moves each second.
        widest = self.tr("{0:.1f} in").format(60) + " · " + self.tr("{0:.1f} out").format(60)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance(widest + " · 1000 ms") + 20)
        self.setText("–")
        self.setAccessibleName(self.tr("Rates and delay"))
        self._dropped: dict[str, int] = {}

    def show_stats(self, stats: Snapshot, outputs: Collection[str]) -> None:
        """outputs: the specs of those that are switched on; without any, the preview counts."""
        on = next((of for name, of in stats.outputs.items() if name in outputs), None)
        shown = on or stats.outputs.get(_PREVIEW)
        parts = [self.tr("{0:.1f} in").format(stats.fps_in)]
        if shown is not None:
            parts.append(self.tr("{0:.1f} out").format(shown.fps))
            if shown.latency_ms is not None:
                parts.append(f"{shown.latency_ms.p50:.0f} ms")
        self.setText(" · ".join(parts))
        self.setAccessibleDescription(self.text())
        self._show_drops(stats)

    def _show_drops(self, stats: Snapshot) -> None:
        # The counts begin anew with each run of the pipeline.
        new = {
            place: count - self._dropped.get(place, 0)
            for place, count in stats.dropped.items()
            if count > self._dropped.get(place, 0)
        }
        self._dropped = dict(stats.dropped)
        reasons = {
            "matting": self.tr("the network is slower than the source; choose a faster quality"),
            "compose": self.tr("putting the picture together takes too long"),
            _PREVIEW: self.tr("this window does not keep up; the others are not affected"),
            "stale": self.tr("the source repeats old pictures"),
        }
        told = [
            self.tr("{0} dropped a second before {1}: {2}").format(
                count, place, reasons.get(place, self.tr("it does not keep up"))
            )
            for place, count in new.items()
        ]
        self.setToolTip("\n".join(told) or self.tr("No frame is dropped. Click for more."))
        serious = max((count for place, count in new.items() if place != _PREVIEW), default=0)
        level = "warn" if serious > max(1.0, stats.fps_in * _DROPS_SHOWN) else ""
        if (self.property("level") or "") != level:
            self.setProperty("level", level)
            restyle(self)
