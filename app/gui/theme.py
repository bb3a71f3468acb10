"""Light and dark, from one small table of colours: a palette and a style sheet over Qt's Fusion."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

from app import places


@dataclass(frozen=True)
class Colors:
    """surface: the window; raised: controls on it; stage: behind the preview; line: hairlines."""

    surface: str
    raised: str
    hover: str
    stage: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    good: str
    warn: str
    bad: str
    warn_surface: str
    bad_surface: str
    info_surface: str


LIGHT = Colors(
    surface="#f6f7f9",
    raised="#ffffff",
    hover="#eceef3",
    stage="#e3e6ec",
    line="#d9dde5",
    text="#1b1f27",
    muted="#626b7a",
    accent="#4759e4",
    on_accent="#ffffff",
    good="#1c8a4d",
    warn="#a45a00",
    bad="#c62f35",
    warn_surface="#fdf1dc",
    bad_surface="#fce6e6",
    info_surface="#e7eafd",
)
DARK = Colors(
    surface="#1b1d22",
    raised="#272a31",
    hover="#31353e",
    stage="#121317",
    line="#363a44",
    text="#eceef2",
    muted="#9aa2b1",
    accent="#7d8bff",
    on_accent="#10121a",
    good="#4fcf8b",
    warn="#f0b04a",
    bad="#ff7b7b",
    warn_surface="#3a2f1a",
    bad_surface="#402427",
    info_surface="#262b4a",
)


class Theme(QObject):
    """Keeps the application in the system's light or dark, or in the one that was asked for.

    Emits `changed` after palette and style sheet are in place.
    """

    changed = pyqtSignal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._choice = "system"
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(self._apply)

    @property
    def colors(self) -> Colors:
        return DARK if self._is_dark() else LIGHT

    def choose(self, choice: str) -> None:
        """`system`, `light` or `dark`."""
        self._choice = choice
        self._apply()

    def _is_dark(self) -> bool:
        if self._choice != "system":
            return self._choice == "dark"
        hints = QGuiApplication.styleHints()
        return hints is not None and hints.colorScheme() is Qt.ColorScheme.Dark

    def _apply(self) -> None:
        colors = self.colors
        self._application.setPalette(palette_of(colors))
        self._application.setStyleSheet(style_sheet(colors))
        self.changed.emit()


def palette_of(colors: Colors) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for which, color in {
        role.Window: colors.surface,
        role.WindowText: colors.text,
        role.Base: colors.raised,
        role.AlternateBase: colors.hover,
        role.Text: colors.text,
        role.Button: colors.raised,
        role.ButtonText: colors.text,
        role.BrightText: colors.bad,
        role.ToolTipBase: colors.raised,
        role.ToolTipText: colors.text,
        role.PlaceholderText: colors.muted,
        role.Highlight: colors.accent,
        role.HighlightedText: colors.on_accent,
        role.Accent: colors.accent,
        role.Link: colors.accent,
        role.Mid: colors.line,
        role.Dark: colors.line,
        role.Light: colors.hover,
        role.Midlight: colors.hover,
    }.items():
        palette.setColor(which, QColor(color))
    faded = QColor(colors.muted)
    faded.setAlphaF(0.7)
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, faded)
    return palette


def style_sheet(c: Colors) -> str:
    """Spacing in steps of 4 px; one accent colour."""
    # A style sheet takes pictures from files only, so these are there in both colours.
    shade = "dark" if c is DARK else "light"
    arrow, tick = (
        (places.assets() / "icons" / f"{name}-{shade}.svg").as_posix() for name in ("arrow", "tick")
    )
    return f"""
QMainWindow, QDialog {{ background: {c.surface}; }}
QMenuBar {{ background: {c.surface}; padding: 2px 8px; border-bottom: 1px solid {c.line}; }}
QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {c.hover}; }}
QMenu {{ background: {c.raised}; border: 1px solid {c.line}; padding: 4px; }}
QMenu::item {{ padding: 4px 24px 4px 28px; border-radius: 4px; }}
QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
QMenu::item:disabled {{ color: {c.muted}; background: transparent; }}
QMenu::separator {{ height: 1px; background: {c.line}; margin: 4px 8px; }}
QMenu::indicator {{ width: 16px; height: 16px; left: 8px; }}
QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 4px; }}

QPushButton, QToolButton {{ background: {c.raised}; border: 1px solid {c.line};
  border-radius: 6px; padding: 4px 12px; min-height: 20px; }}
QToolButton {{ padding: 4px 8px; }}
QPushButton:hover, QToolButton:hover {{ background: {c.hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {c.line}; }}
QPushButton:focus, QToolButton:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus,
QLineEdit:focus {{ border: 1px solid {c.accent}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {c.muted}; background: {c.surface}; }}
QPushButton:checked, QToolButton:checked {{ background: {c.info_surface};
  border: 1px solid {c.accent}; }}
QPushButton[primary="true"] {{ background: {c.accent}; color: {c.on_accent};
  border: 1px solid {c.accent}; padding: 8px 20px; font-weight: 600; }}
QToolButton[flat="true"] {{ background: transparent; border: 1px solid transparent; padding: 4px; }}
QToolButton[flat="true"]:hover {{ background: {c.hover}; }}
QToolButton[flat="true"]:focus {{ border: 1px solid {c.accent}; }}
QToolButton[swatch="true"] {{ background: transparent; border: 1px solid transparent;
  padding: 2px; }}
QToolButton[swatch="true"]:focus, QToolButton[swatch="true"]:hover {{
  border: 1px solid {c.accent}; }}
QToolButton[stacked="true"] {{ padding: 6px 0px; font-size: 8.5pt; }}
QToolButton::menu-indicator {{ image: none; }}

QComboBox, QSpinBox, QDoubleSpinBox, QLineEdit {{ background: {c.raised};
  border: 1px solid {c.line}; border-radius: 6px; padding: 3px 8px; min-height: 20px; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url("{arrow}"); width: 14px; height: 14px; }}
QAbstractSpinBox QLineEdit, QComboBox QLineEdit {{ border: none; padding: 0; min-height: 0;
  background: transparent; }}
QComboBox QAbstractItemView {{ background: {c.raised}; border: 1px solid {c.line};
  selection-background-color: {c.accent}; selection-color: {c.on_accent}; padding: 4px; }}
QSpinBox, QDoubleSpinBox {{ padding: 3px 4px; }}

QCheckBox::indicator {{ width: 16px; height: 16px; border: 1px solid {c.muted};
  border-radius: 4px; background: {c.raised}; }}
QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border: 1px solid {c.accent}; }}
QCheckBox::indicator:checked {{ background: {c.accent}; border: 1px solid {c.accent};
  image: url("{tick}"); }}
QCheckBox::indicator:disabled {{ border: 1px solid {c.line}; background: {c.surface}; }}

QSlider {{ min-height: 20px; }}
QSlider::groove:horizontal {{ height: 4px; background: {c.line}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ height: 4px; background: {c.accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 14px; height: 14px; margin: -6px 0; border-radius: 8px;
  background: {c.raised}; border: 1px solid {c.muted}; }}
QSlider::handle:horizontal:hover {{ border: 1px solid {c.accent}; }}
QSlider::handle:horizontal:focus {{ border: 2px solid {c.accent}; }}

QProgressBar {{ background: {c.line}; border: none; border-radius: 4px; height: 8px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 4px; }}

QScrollArea, QScrollArea > QWidget > QWidget#panel {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {c.line}; border-radius: 4px; min-height: 32px;
  margin: 1px; }}
QScrollBar::handle:vertical:hover {{ background: {c.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
  background: none; height: 0; }}

QListView#gallery {{ background: transparent; border: 1px solid transparent; border-radius: 8px;
  outline: none; }}
QWidget#side {{ border-left: 1px solid {c.line}; }}
QWidget#bottom {{ border-top: 1px solid {c.line}; }}
QToolButton#fold {{ border: 1px solid transparent; background: transparent; padding: 4px;
  font-weight: 600; text-align: left; }}
QToolButton#fold:hover {{ background: {c.hover}; }}
QToolButton#fold:focus {{ border: 1px solid {c.accent}; }}
QFrame#divider {{ background: {c.line}; border: none; max-height: 1px; min-height: 1px; }}
QLabel[muted="true"] {{ color: {c.muted}; }}
QLabel[heading="true"] {{ font-weight: 600; }}
QLabel[key="true"] {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 4px;
  padding: 2px 6px; }}
QLabel[level="good"] {{ color: {c.good}; }}
QLabel[level="warn"] {{ color: {c.warn}; }}
QLabel[level="bad"] {{ color: {c.bad}; }}
QToolButton#truth {{ background: transparent; border: 1px solid transparent; }}
QToolButton#truth:hover {{ background: {c.hover}; }}
QToolButton#truth[level="warn"] {{ color: {c.warn}; background: {c.warn_surface}; }}
QToolButton#truth:focus {{ border: 1px solid {c.accent}; }}

QToolButton[segment="true"] {{ border-radius: 0; border-left-width: 0; padding: 4px 12px; }}
QToolButton[segment="first"] {{ border-top-right-radius: 0; border-bottom-right-radius: 0;
  padding: 4px 12px; }}
QToolButton[segment="last"] {{ border-top-left-radius: 0; border-bottom-left-radius: 0;
  border-left-width: 0; padding: 4px 12px; }}
QToolButton[segment]:checked {{ background: {c.accent}; color: {c.on_accent};
  border-color: {c.accent}; }}
QToolButton[segment]:focus {{ border: 1px solid {c.text}; }}

QFrame#message {{ border-bottom: 1px solid {c.line}; background: {c.info_surface}; }}
QFrame#message[level="warn"] {{ background: {c.warn_surface}; }}
QFrame#message[level="bad"] {{ background: {c.bad_surface}; }}
QFrame#notice {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 12px; }}
QFrame#check {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 8px; }}
QPushButton#switch[state="on-air"] {{ background: {c.bad}; border-color: {c.bad};
  color: {c.on_accent}; font-weight: 600; }}
QPushButton#switch[state="starting"] {{ border-color: {c.accent}; }}
QPushButton#switch[state="lost"] {{ background: {c.warn_surface}; border-color: {c.warn};
  color: {c.warn}; }}
"""
