"""The two bars under the preview: what is shown and in use; what others see, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from app.gui.actions import Actions
from app.gui.icons import icon
from app.gui.output_row import OutputRow
from app.gui.sections import Segments
from app.gui.truth import TruthLine

if TYPE_CHECKING:
    from app.engines.base import EngineInfo

_SOURCE_WIDTH = 260  # pixels; a longer name is shortened in its middle


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
        self.engine_label = QLabel()
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
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, _SOURCE_WIDTH)
        # The style puts no room between picture and words.
        self.source_button.setText("\N{EN SPACE}" + shown)
        self.source_button.setToolTip(tip)

    def show_engine(self, engine: EngineInfo | None, network_size: str) -> None:
        """None: it is being loaded."""
        if engine is None:
            self.engine_label.setText(self.tr("Loading the network…"))
        else:
            self.engine_label.setText(f"{engine.engine} · {engine.device} · {network_size}")
            self.engine_label.setToolTip(str(engine))

    def show_no_engine(self) -> None:
        self.engine_label.setText(self.tr("No network"))

    def _fill(self) -> None:
        self._menu.clear()
        choices, used = self._sources()
        for spec, words in choices:
            entry = self._menu.addAction(words)
            if entry is not None:
                entry.setCheckable(True)
                entry.setChecked(spec == used)
                entry.triggered.connect(
                    lambda _=False, chosen=spec: self.source_chosen.emit(chosen)
                )


class BottomBar(QWidget):
    """The outputs' switches, what one does in a call, and the line of truth."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("bottom")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(12, 8, 12, 8)
        self._layout.setSpacing(8)
        # A recorder, when there is one, is one more switch in this row.
        self.outputs = OutputRow()
        self._layout.addWidget(self.outputs)
        for action in (actions.pause, actions.freeze, actions.away, actions.snapshot):
            button = QToolButton()
            button.setDefaultAction(action)
            button.setIconSize(QSize(18, 18))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setAccessibleName(action.text().replace("&", ""))
            # The style puts no room between picture and words.
            action.setIconText("\N{EN SPACE}" + action.text().replace("&", ""))
            self._layout.addWidget(button)
        self._layout.addStretch(1)
        self.truth = TruthLine()
        self._layout.addWidget(self.truth)

    def insert_switch(self, widget: QWidget) -> None:
        """One more switch, right of the outputs'."""
        self._layout.insertWidget(1, widget)
