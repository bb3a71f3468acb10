"""What the pipeline does, in numbers: rates, times, drops, delay, and what it runs on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPalette, QPen, QPolygonF
from PyQt6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from app.gui.options_form import words
from app.gui.plain import Label

if TYPE_CHECKING:
    from app.live import Info
    from app.stats import Snapshot

_MINUTE = 60  # snapshots; one comes each second
# Told apart by people who see colours differently, too (after Okabe and Ito).
SERIES = ("#4f7cff", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8f8f8f")


class StageBar(QWidget):
    """Milliseconds of each stage, side by side in one bar, with a legend below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stages: list[tuple[str, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Time of each stage"))

    def show_stages(self, stages: Mapping[str, float]) -> None:
        self._stages = list(stages.items())
        text = ", ".join(f"{words(name)} {ms:.1f} ms" for name, ms in self._stages)
        self.setAccessibleDescription(text)
        self.setToolTip(text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(240, 16 + 20 * len(self._stages))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(0, 0, self.width(), 10)
        outline = QPainterPath()
        outline.addRoundedRect(bar, 5, 5)
        painter.fillPath(outline, self.palette().color(QPalette.ColorRole.Midlight))
        total = sum(ms for _, ms in self._stages)
        painter.setClipPath(outline)
        left = 0.0
        for at, (_, ms) in enumerate(self._stages):
            width = bar.width() * ms / total if total else 0
            painter.fillRect(QRectF(left, 0, width, 10), QColor(SERIES[at % len(SERIES)]))
            left += width
        painter.setClipping(False)
        for at, (name, ms) in enumerate(self._stages):
            top = 16.0 + 20 * at
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(SERIES[at % len(SERIES)]))
            painter.drawRoundedRect(QRectF(0, top + 5, 10, 10), 3, 3)
            line = QRectF(18, top, self.width() - 18, 20)
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            vertical = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(line, vertical | Qt.AlignmentFlag.AlignLeft, words(name))
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(line, vertical | Qt.AlignmentFlag.AlignRight, f"{ms:.1f} ms")


class Plot(QWidget):
    """Lines over the last minute."""

    def __init__(self, series: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._series = tuple(series)
        self._points: deque[tuple[float, ...]] = deque(maxlen=_MINUTE)
        self.setFixedHeight(112)
        self.setAccessibleName(self.tr("Frames a second over the last minute"))

    def add(self, *values: float) -> None:
        self._points.append(values)
        self.setAccessibleDescription(
            ", ".join(f"{n} {v:.1f}" for n, v in zip(self._series, values, strict=True))
        )
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        muted = palette.color(QPalette.ColorRole.PlaceholderText)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.85)
        painter.setFont(font)
        area = QRectF(24, 22, self.width() - 28, self.height() - 30)
        highest = max((max(point) for point in self._points), default=0.0)
        top = next((t for t in (10, 20, 30, 40, 60, 90, 120, 240) if highest <= t * 1.02), 480)
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Mid), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(muted)
            box = QRectF(0, y - 8, 20, 16)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, right, f"{top * share:.0f}")
        step = area.width() / (_MINUTE - 1)
        x = area.left()
        for at, name in enumerate(self._series):
            color = QColor(SERIES[at])
            painter.setPen(QPen(color, 2))
            line = [
                QPointF(
                    area.right() - (len(self._points) - 1 - when) * step,
                    area.bottom() - min(1.0, point[at] / top) * area.height(),
                )
                for when, point in enumerate(self._points)
            ]
            if len(line) > 1:
                painter.drawPolyline(QPolygonF(line))
            painter.drawLine(QPointF(x, 8), QPointF(x + 10, 8))
            painter.setPen(muted)
            painter.drawText(QRectF(x + 14, 0, 120, 16), Qt.AlignmentFlag.AlignVCenter, name)
            x += 30 + painter.fontMetrics().horizontalAdvance(name)


class PerformancePanel(QWidget):
    """All of it. Fed once a second."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = Plot((self.tr("Camera"), self.tr("Matte"), self.tr("Output")))
        self.bar = StageBar()
        form = QGridLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(4)
        form.setColumnStretch(1, 1)
        self._values: dict[str, Label] = {}
        self._titles: dict[str, str] = {}
        for key, title in (
            ("rates", self.tr("Frames a second")),
            ("delay", self.tr("Delay")),
            ("dropped", self.tr("Dropped")),
            ("resent", self.tr("Sent again")),
            ("engine", self.tr("Engine")),
            ("network", self.tr("Network")),
            ("weights", self.tr("Weights")),
            ("source", self.tr("Picture")),
            ("reused", self.tr("Still pictures")),
            ("memory", self.tr("Memory")),
            ("paint", self.tr("Preview")),
        ):
            label = Label("–")
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            name = Label(title)
            name.setProperty("muted", True)
            row = form.rowCount()
            form.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            form.addWidget(label, row, 1)
            self._values[key], self._titles[key] = label, title
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.plot)
        layout.addWidget(self.bar)
        layout.addLayout(form)

    def text(self, key: str) -> str:
        """What a line says, for tests."""
        return self._values[key].text()

    def show_stats(
        self, stats: Snapshot, *, preview_fps: float, frame_ms: tuple[float, float] | None
    ) -> None:
        """frame_ms: what painting costs, the median and the worst; None where not asked for."""
        self.plot.add(stats.fps_in, stats.fps_matte, stats.fps_out)
        self.bar.show_stages({name: spread.p50 for name, spread in stats.stages_ms.items()})
        self._set(
            "rates",
            self.tr("{0:.1f} in, {1:.1f} mattes, {2:.1f} out").format(
                stats.fps_in, stats.fps_matte, stats.fps_out
            ),
        )
        delay = stats.latency_ms
        self._set("delay", f"{delay.p50:.0f} ms, 95% below {delay.p95:.0f} ms" if delay else "–")
        dropped = {place: count for place, count in stats.dropped.items() if count}
        self._set(
            "dropped",
            ", ".join(f"{count} {self.tr('before')} {place}" for place, count in dropped.items())
            or self.tr("none"),
        )
        self._set("resent", self.tr("{0:.1f} a second").format(stats.fps_resent))
        self._set("reused", self.tr("{0:.1f} mattes a second reused").format(stats.fps_reused))
        self._set("memory", f"{stats.memory_mb:.0f} MB")
        paint = self.tr("{0:.0f} frames a second").format(preview_fps)
        if frame_ms is not None:
            paint += self.tr(", {0:.1f} ms each, at worst {1:.1f} ms").format(*frame_ms)
        self._set("paint", paint)

    def show_info(self, info: Info) -> None:
        engine = info.engine
        self._set("engine", "–" if engine is None else str(engine))
        why = self.tr(", as the person fills the picture") if info.size_for_subject else ""
        delay = self.tr(", one frame held back") if info.delay_frames else ""
        self._set("network", (info.network_size + why + delay) if info.network_size else "–")
        self._set("weights", info.weights or "–")
        self._set("source", info.source or "–")

    def _set(self, key: str, text: str) -> None:
        self._values[key].setText(text)
        self._values[key].setAccessibleName(f"{self._titles[key]}: {text}")
