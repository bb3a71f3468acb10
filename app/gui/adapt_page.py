"""The page that leads through "Adapt to me", and the rows in the Matte panel that open it."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.adapt_run import End
from app.gui.options_form import Choice, Rows
from app.gui.plain import Label
from app.gui.side_page import SidePage, line


class AdaptPage(SidePage):
    """start_wanted: with the minutes that it may learn. cancel_wanted, before_wanted: the buttons.
    keep_recording: whether the recording is to be kept."""

    start_wanted = pyqtSignal(float)
    cancel_wanted = pyqtSignal()
    before_wanted = pyqtSignal()
    keep_recording = pyqtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Adapt to me"), self.tr("Adapting the model to you"), parent)
        self.title = line("")
        self.title.setProperty("heading", True)
        font = self.title.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self.title.setFont(font)
        self.text = line("", muted=True)
        self.count = Label()
        font = self.count.font()
        font.setPointSizeF(font.pointSizeF() * 2.5)
        self.count.setFont(font)
        self.count.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.minutes = Choice(
            tuple(
                (value, self.tr("about {0} minutes").format(f"{value:g}"))
                for value in (3.0, 5.0, 10.0)
            )
        )
        self.minutes.set_value(5.0)
        self._rows = Rows()
        self._rows.add(
            self.tr("Learning"),
            self.minutes,
            self.tr("How long this computer may learn; a call goes on meanwhile."),
        )
        self.keep_box = QCheckBox(self.tr("Keep the recording"))
        self.keep_box.setToolTip(
            self.tr("Else the recorded pictures are deleted as soon as this is over.")
        )
        self.keep_box.toggled.connect(self.keep_recording)
        self.start_button = QPushButton(self.tr("Record me"))
        self.start_button.setProperty("primary", True)
        self.start_button.clicked.connect(lambda: self.start_wanted.emit(self.minutes.value()))
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.clicked.connect(self.cancel_wanted)
        self.before_button = QPushButton(self.tr("Use the model from before"))
        self.before_button.clicked.connect(self.before_wanted)
        self.done_button = QPushButton(self.tr("Done"))
        self.done_button.clicked.connect(self.closed)
        self.again_button = QPushButton(self.tr("Try again"))
        self.again_button.clicked.connect(self.show_idle)
        self._buttons = (
            self.start_button,
            self.cancel_button,
            self.before_button,
            self.again_button,
            self.done_button,
        )
        for button in self._buttons:
            button.setAccessibleName(button.text())
        for widget in (self.title, self.text, self.count, self.bar, self._rows, self.keep_box):
            self.rows.addWidget(widget)
        for button in self._buttons:
            self.rows.addWidget(button)
        self.rows.addStretch(1)
        self.show_idle()

    def show_idle(self) -> None:
        """What it does, and where it begins."""
        self._show(self._rows, self.keep_box, self.start_button)
        self._say(
            self.tr("A model that knows you"),
            self.tr(
                "For 30 seconds you are recorded and told what to do: talk, turn, lean, lift "
                "your hands. Then this computer learns from it, and you see before and after and "
                "decide. Nothing leaves this computer."
            ),
        )

    def show_recording(self, hint: str, left: float, share: float) -> None:
        self._show(self.count, self.bar, self.keep_box, self.cancel_button)
        self._say(self._words(hint), self.tr("You are being recorded. Be seen as in a call."))
        self.count.setText(self.tr("{0} s").format(round(left)))
        self._progress(share)

    def show_working(self, what: str, share: float, left: float | None) -> None:
        self._show(self.bar, self.keep_box, self.cancel_button)
        if left is None:
            words = self._words(what)
        elif left >= 90:
            words = self.tr("About {0} minutes left.").format(round(left / 60))
        else:
            words = self.tr("{0} seconds left.").format(round(left))
        on = self.tr("Your picture and a call go on; this page can be left.")
        self._say(self.tr("Learning"), f"{words} {on}".strip())
        self._progress(share if share > 0 else None)

    def show_decision(self, report: dict[str, object]) -> None:
        """report: what `adapt --json` tells."""
        self._show(self.keep_box)
        words = self.tr(
            "{0} Below the preview you see frames that were held out, over plain green. Keep the "
            "adapted model, or discard it."
        ).format(report.get("reason", ""))
        before, after = report.get("before"), report.get("after")
        if isinstance(before, dict) and isinstance(after, dict):
            words += "\n\n" + self.tr(
                "Disagreement of the branches: {0:.3f} before, {1:.3f} after. Flicker: {2:.2f} "
                "before, {3:.2f} after, of a thousand pixels."
            ).format(before["l_cons"], after["l_cons"], before["flicker"], after["flicker"])
        self._say(self.tr("Before and after"), words)

    def show_over(self, end: End, words: str) -> None:
        """words: a sentence, or the name of the weights that were kept."""
        if end is End.CANCELLED or end is End.DISCARDED:
            self.show_idle()
        elif end is End.KEPT:
            self._show(self.before_button, self.done_button)
            self._say(
                self.tr("The adapted model is in use"),
                self.tr("It is called {0} and is in the list of models.").format(words),
            )
        elif end is End.DROPPED:
            self._show(self.again_button, self.done_button)
            self._say(
                self.tr("Nothing was changed"),
                self.tr("The adapted model was not better. {0}").format(words),
            )
        else:
            self._show(self.again_button, self.done_button)
            self._say(self.tr("It did not work"), words)

    def _show(self, *shown: QWidget) -> None:
        for widget in (self.count, self.bar, self._rows, self.keep_box, *self._buttons):
            widget.setVisible(widget in shown)

    def _say(self, title: str, text: str) -> None:
        self.title.setText(title)
        self.text.setText(text)

    def _progress(self, share: float | None) -> None:
        self.bar.setRange(0, 0 if share is None else 1000)
        if share is not None:
            self.bar.setValue(round(1000 * share))

    def _words(self, told: str) -> str:
        """What the recorder and the child say, in the user's language."""
        known = {
            "Look at the camera and talk": self.tr("Look at the camera and talk"),
            "Turn your head to both sides": self.tr("Turn your head to both sides"),
            "Lean forward, back and aside": self.tr("Lean forward, back and aside"),
            "Lift your hands and move them": self.tr("Lift your hands and move them"),
            "Sit as you usually do": self.tr("Sit as you usually do"),
            "": self.tr("Starting."),
            "Reading": self.tr("Reading the recording."),
            "Fitting the heads": self.tr("Getting ready."),
            "Looking": self.tr("Looking at your pictures."),
            "Adapting": self.tr("Learning from your pictures."),
            "Comparing": self.tr("Making the pictures of before and after."),
        }
        return known.get(told, told)


class AdaptRow(QWidget):
    """The way to the page, and back to the model from before."""

    wanted = pyqtSignal()
    before_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton()
        self.button.setToolTip(
            self.tr("Lets the model learn your face, chair and lamp, on this computer.")
        )
        self.button.clicked.connect(self.wanted)
        self.words = line("", muted=True)
        self.before_button = QPushButton(self.tr("Use the model from before"))
        self.before_button.setAccessibleName(self.before_button.text())
        self.before_button.setToolTip(self.tr("The adapted one stays in the list of models."))
        self.before_button.clicked.connect(self.before_wanted)
        row = QHBoxLayout()
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(row)
        layout.addWidget(self.words)
        layout.addWidget(self.before_button)
        self.show_share(None)
        self.show_history("", "")

    def show_share(self, share: float | None) -> None:
        """How far it is; None while nothing goes on."""
        words = self.tr("Adapt to me…")
        if share is not None:
            words = self.tr("Adapting to you: {0}%").format(round(100 * share))
        self.button.setText(words)
        self.button.setAccessibleName(words)

    def show_history(self, name: str, history: str) -> None:
        """The adapted weights in use and where they come from; empty where there are none."""
        self.words.setText(self.tr("In use: {0}, {1}.").format(name, history) if name else "")
        self.words.setVisible(bool(name))
        self.before_button.setVisible(bool(name))
