"""The quality of a recording: one of three words, or a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PyQt6.QtWidgets import QVBoxLayout

from app.gui.options_form import Choice, Control, Number

_BY_NUMBER = "number"


class Quality(Control):
    """The value is the word, or the CRF as text. numbers: the CRF of each word."""

    def __init__(self, numbers: Mapping[str, int], *, minimum: int, maximum: int) -> None:
        super().__init__()
        self._numbers = dict(numbers)
        titles = {"small": self.tr("Small"), "good": self.tr("Good"), "best": self.tr("Best")}
        self.word = Choice(
            (
                *((word, titles.get(word, word)) for word in numbers),
                (_BY_NUMBER, self.tr("By number")),
            )
        )
        self.number = Number(integer=True, minimum=minimum, maximum=maximum, unit=self.tr("CRF"))
        self.number.setToolTip(self.tr("0 is the best and largest, 51 the smallest."))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.word)
        column.addWidget(self.number)
        self.word.changed.connect(self._take_word)
        self.number.changed.connect(self._take_number)

    def value(self) -> str:
        word = self.word.value()
        return str(self.number.value()) if word in (_BY_NUMBER, None) else str(word)

    def set_value(self, value: Any) -> None:
        text = str(value)
        if text in self._numbers:
            self.word.set_value(text)
            self.number.set_value(self._numbers[text])
        elif text.isdecimal():
            self.word.set_value(_BY_NUMBER)
            self.number.set_value(int(text))

    def _take_word(self, word: str) -> None:
        if word in self._numbers:
            self.number.set_value(self._numbers[word])
        self.changed.emit(self.value())

    def _take_number(self, number: int) -> None:
        self.word.set_value(_BY_NUMBER)
        self.changed.emit(str(number))
