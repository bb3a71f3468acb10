"""The panels beside the preview: they fold, scroll, and give way to the doctor's page."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from app.gui.adapt_page import AdaptPage
from app.gui.background_panel import BackgroundPanel
from app.gui.camera_panel import CameraPanel
from app.gui.convert_panel import ConvertPanel
from app.gui.doctor_page import DoctorPage
from app.gui.engine_panel import EnginePanel
from app.gui.icons import icon
from app.gui.keys_page import KeysPage
from app.gui.matte_panel import MattePanel
from app.gui.output_panel import OutputPanel
from app.gui.panel import Panel
from app.gui.performance import PerformancePanel
from app.gui.profiles_panel import ProfilesPanel
from app.gui.recording_panel import RecordingPanel
from app.gui.sections import Section

_WIDTH = 364


class SidePanel(QStackedWidget):
    """Emits `folded` with the names of the panels that are closed."""

    folded = pyqtSignal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("side")
        self.setFixedWidth(_WIDTH)
        self.background = BackgroundPanel()
        self.matte = MattePanel()
        self.camera = CameraPanel()
        self.output = OutputPanel()
        self.engine = EnginePanel()
        self.recording = RecordingPanel()
        self.convert = ConvertPanel()
        self.performance = PerformancePanel()
        self.profiles = ProfilesPanel()
        self.doctor = DoctorPage()
        self.keys = KeysPage()
        self.adapt = AdaptPage()
        self.sections: dict[str, Section] = {}
        content = QWidget()
        content.setObjectName("panel")
        column = QVBoxLayout(content)
        column.setContentsMargins(12, 8, 12, 12)
        column.setSpacing(4)
        panels: tuple[tuple[str, str, QWidget], ...] = (
            ("background", self.tr("Background"), self.background),
            ("matte", self.tr("Matte"), self.matte),
            ("camera", self.tr("Camera"), self.camera),
            ("output", self.tr("Output"), self.output),
            ("recording", self.tr("Recording"), self.recording),
            ("convert", self.tr("Convert clips"), self.convert),
            ("engine", self.tr("Engine"), self.engine),
            ("performance", self.tr("Performance"), self.performance),
            ("profiles", self.tr("Profiles"), self.profiles),
        )
        for name, title, panel in panels:
            section = Section(name, title)
            section.content.addWidget(panel)
            if isinstance(panel, Panel):
                section.add_to_heading(self._reset_button(title, panel))
            section.toggled.connect(self._tell_folded)
            self.sections[name] = section
            column.addWidget(section)
        column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidget(content)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.addWidget(self._scroll)
        for page in (self.doctor, self.keys, self.adapt):
            self.addWidget(page)
            page.closed.connect(self.show_controls)
        self._wanted: Section | None = None
        self._focus = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._go_there)

    @property
    def panels(self) -> Sequence[Panel]:
        """Those that show the live settings."""
        return (
            self.background,
            self.matte,
            self.camera,
            self.output,
            self.recording,
            self.engine,
        )

    def fold(self, closed: Sequence[str]) -> None:
        """As `folded` told last time."""
        for section in self.sections.values():
            section.set_open(section.name not in closed)

    def show_controls(self) -> None:
        self.setCurrentIndex(0)

    def show_section(self, name: str, *, focus: bool = False) -> None:
        """Opens a panel and scrolls to it. focus: the keyboard goes there, too."""
        self.show_controls()
        section = self.sections[name]
        section.set_open(True)
        # The layout knows the opened panel's height only after this turn.
        self._wanted, self._focus = section, focus
        self._soon.start()

    def show_doctor(self) -> None:
        self.setCurrentWidget(self.doctor)
        self.doctor.look()

    def show_keys(self) -> None:
        self.setCurrentWidget(self.keys)

    def show_adapt(self) -> None:
        self.setCurrentWidget(self.adapt)

    def _go_there(self) -> None:
        section, self._wanted = self._wanted, None
        if section is None:
            return
        self._scroll.ensureWidgetVisible(section, 0, 0)
        if self._focus:
            section.heading.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _reset_button(self, title: str, panel: Panel) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon("reset", role=QPalette.ColorRole.PlaceholderText))
        button.setIconSize(QSize(16, 16))
        button.setProperty("flat", True)
        button.setToolTip(self.tr("Everything in this panel as it came"))
        button.setAccessibleName(self.tr("Reset {0}").format(title))
        button.clicked.connect(panel.reset)
        return button

    def _tell_folded(self) -> None:
        self.folded.emit(tuple(s.name for s in self.sections.values() if not s.is_open))
