"""The panel of what the others get."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from app.gui.options_form import Choice, Rows, Text
from app.gui.panel import Panel
from app.settings import LiveSettings


class OutputPanel(Panel):
    """The size and the rate of what the others see, and the picture for "be right back"."""

    _SIZES = ((640, 360), (854, 480), (960, 540), (1280, 720), (1920, 1080))

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = Rows()
        sizes = [(size, f"{size[0]} × {size[1]}") for size in self._SIZES]
        self.size_choice = Choice(sizes)
        self.rate = Choice([(float(rate), f"{rate} fps") for rate in (15, 24, 25, 30, 60)])
        self.card = Text(is_color=False)
        self.card.edit.setPlaceholderText(self.tr("built-in picture"))
        for field, title, control, tooltip in (
            (
                "output_size",
                self.tr("Size"),
                self.size_choice,
                self.tr("Of the virtual camera; your picture is never stretched to it."),
            ),
            (
                "output_rate",
                self.tr("Rate"),
                self.rate,
                self.tr("How often the virtual camera sends a picture."),
            ),
            (
                "card",
                self.tr("Be right back"),
                self.card,
                self.tr("The path of a picture that the others see when you are away."),
            ),
        ):
            self.rows.add(
                title,
                control,
                tooltip,
                self.resetting(field),
            )
            control.changed.connect(self.setting(field))
        self.box.addWidget(self.rows)

    def show_settings(self, settings: LiveSettings) -> None:
        size, rate = settings.output_size, settings.output_rate
        if all(value != size for value, _ in self.size_choice.choices):
            words = f"{size[0]} × {size[1]}"
            self.size_choice.set_choices([*self.size_choice.choices, (size, words)])
        if all(value != rate for value, _ in self.rate.choices):
            self.rate.set_choices([*self.rate.choices, (rate, f"{rate:g} fps")])
        self.size_choice.set_value(size)
        self.rate.set_value(rate)
        self.card.set_value(settings.card)

    def reset(self) -> None:
        self.resetting("output_size", "output_rate", "card")()
