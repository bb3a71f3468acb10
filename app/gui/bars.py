"""The two bars under the preview: what is shown and in use; what others see, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from app.gui.actions import Actions
from app.gui.icons import icon
from app.gui.output_row import OutputRow
from app.gui.plain import Label, words_of
from app.gui.sections import Segments
from app.gui.truth import TruthLine
from app.plain_text import readable

if TYPE_CHECKING:
    from app.engines.base import EngineInfo

_SOURCE_WIDTH = 260  # pixels; a longer name is shortened in its middle
_SLACK = 64  # pixels that must be free on top before the words come back, so that none flickers


class ShortenedLabel(Label):
    """One line that is shortened at its end where there is no room for all of it."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        area = self.contentsRect()
        words = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, area.width()
        )
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(area, self.alignment(), words)


class Strip(QWidget):
    """Under the preview: the source, the modes, the engine.

    sources: gives the choices of the source's menu, as (spec, words), and the spec in use.
    source_chosen: one of these specs.
    """

    source_chosen = pyqtSignal(str)

    def __init__(
        self, actions: Actions, sources: Callable[[], tuple[Sequence[tuple[str, str]], str]]
    ) -> None:
        super().__init__()
        self._sources = sources
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(12)
        self.source_button = QToolButton()
        self.source_button.setObjectName("source")
        self.source_button.setIcon(icon("camera"))
        self.source_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.source_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.source_button.setAccessibleName(self.tr("Choose the camera"))
        self._menu = QMenu(self.source_button)
        self._menu.aboutToShow.connect(self._fill)
        self.source_button.setMenu(self._menu)
        self.modes = Segments(list(actions.modes.values()), self.tr("What is shown"))
        self.engine_label = ShortenedLabel()
        self.engine_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.engine_label.setProperty("muted", True)
        self.engine_label.setAccessibleName(self.tr("Engine"))
        layout.addWidget(self.source_button)
        layout.addStretch(1)
        layout.addWidget(self.modes)
        layout.addStretch(1)
        layout.addWidget(self.engine_label)
        self.show_source(self.tr("Camera"), "")

    def show_source(self, words: str, tip: str) -> None:
        metrics = self.source_button.fontMetrics()
        shown = metrics.elidedText(readable(words), Qt.TextElideMode.ElideMiddle, _SOURCE_WIDTH)
        # The style puts no room between picture and words.
        self.source_button.setText("\N{EN SPACE}" + words_of(shown))
        self.source_button.setToolTip(tip)

    def show_engine(self, engine: EngineInfo | None, network_size: str) -> None:
        """None: it is being loaded."""
        if engine is None:
            self.engine_label.setText(self.tr("Loading the network…"))
            return
        from app.engines.base import engines

        title = engines.entry(engine.engine).title
        size = network_size.replace("x", "×")
        self.engine_label.setText(" · ".join((title, engine.device.upper(), size)))
        self.engine_label.setToolTip(str(engine))

    def show_no_engine(self) -> None:
        self.engine_label.setText(self.tr("No network"))

    def _fill(self) -> None:
        self._menu.clear()
        choices, used = self._sources()
        for spec, words in choices:
            entry = self._menu.addAction(words_of(words))
            if entry is not None:
                entry.setCheckable(True)
                entry.setChecked(spec == used)
                entry.triggered.connect(
                    lambda _=False, chosen=spec: self.source_chosen.emit(chosen)
                )


class BottomBar(QWidget):
    """The outputs' switches, what one does in a call, and the line of truth.

    words_shown: whether there is room for the buttons' words beside their pictures.
    """

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("bottom")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(12, 8, 12, 8)
        self._layout.setSpacing(8)
        self.outputs = OutputRow()
        self._layout.addWidget(self.outputs)
        self._buttons: list[QToolButton] = []
        for action in (actions.pause, actions.freeze, actions.away, actions.snapshot):
            button = QToolButton()
            button.setDefaultAction(action)
            button.setIconSize(QSize(18, 18))
            button.setAccessibleName(action.text().replace("&", ""))
            self._buttons.append(button)
            self._layout.addWidget(button)
        self._layout.addStretch(1)
        self.truth = TruthLine()
        self._layout.addWidget(self.truth)
        self._set_words(shown=True)

    def insert_switch(self, widget: QWidget) -> None:
        """One more switch, right of the outputs'."""
        self._layout.insertWidget(1, widget)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        full = super().minimumSizeHint()
        return full - QSize(self._words_width if self.words_shown else 0, 0)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent | None) -> bool:
        done = super().event(event)
        # A switch has other words: "on air".
        if event is not None and event.type() is QEvent.Type.LayoutRequest:
            self._fit()
        return done

    @property
    def _words_width(self) -> int:
        metrics = self.fontMetrics()
        return sum(
            metrics.horizontalAdvance(action.iconText())
            for button in self._buttons
            if (action := button.defaultAction()) is not None
        )

    def _fit(self) -> None:
        needed = self._layout.minimumSize().width()
        if not self.words_shown:
            needed += self._words_width + _SLACK
        if (needed <= self.width()) is not self.words_shown:
            self._set_words(shown=needed <= self.width())

    def _set_words(self, *, shown: bool) -> None:
        self.words_shown = shown
        style = Qt.ToolButtonStyle
        for button in self._buttons:
            button.setToolButtonStyle(
                style.ToolButtonTextBesideIcon if shown else style.ToolButtonIconOnly
            )
