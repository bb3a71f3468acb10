"""The panel of named settings."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QComboBox, QGridLayout, QPushButton, QWidget


class ProfilesPanel(QWidget):
    """Named settings. saved, chosen, removed: with the name."""

    saved = pyqtSignal(str)
    chosen = pyqtSignal(str)
    removed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = QComboBox()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.combo.setAccessibleName(self.tr("Profile"))
        self.combo.setToolTip(self.tr("Choose a profile, or write a new name and save it."))
        edit = self.combo.lineEdit()
        if edit is not None:
            edit.setPlaceholderText(self.tr("Name, such as Work"))
            edit.setAccessibleName(self.tr("Name of the profile"))
            edit.textChanged.connect(self._refresh)
        self.combo.activated.connect(lambda at: self.chosen.emit(self.combo.itemText(at)))
        self.save_button = QPushButton(self.tr("Save"))
        self.save_button.setToolTip(self.tr("Keep the settings as they are now under this name."))
        self.save_button.clicked.connect(lambda: self.saved.emit(self.name))
        self.remove_button = QPushButton(self.tr("Remove"))
        self.remove_button.setToolTip(self.tr("Forget this profile."))
        self.remove_button.clicked.connect(lambda: self.removed.emit(self.name))
        for button in (self.save_button, self.remove_button):
            button.setAccessibleName(button.text())
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.combo, 0, 0, 1, 2)
        layout.addWidget(self.save_button, 1, 0)
        layout.addWidget(self.remove_button, 1, 1)
        self._refresh()

    @property
    def name(self) -> str:
        return self.combo.currentText().strip()

    def show_profiles(self, names: Sequence[str], current: str) -> None:
        self.combo.blockSignals(True)
        self.combo.clear()
        self.combo.addItems(list(names))
        self.combo.setCurrentIndex(names.index(current) if current in names else -1)
        self.combo.setEditText(current)
        self.combo.blockSignals(False)
        self._refresh()

    def _refresh(self) -> None:
        known = {self.combo.itemText(at) for at in range(self.combo.count())}
        self.save_button.setEnabled(bool(self.name))
        self.remove_button.setEnabled(self.name in known)
