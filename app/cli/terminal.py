"""Tables, bars and colors in the terminal; see `printing` for plain lines.

Rich reads `[red]` in a string as a color, and a terminal obeys the control characters in a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console  # noqa: TID251
from rich.segment import Segment
from rich.text import Text

from app.plain_text import readable

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType
    from rich.status import Status
    from rich.style import StyleType


def plain(text: str, style: StyleType = "") -> Text:
    """One line of text from elsewhere, for a table, a bar or a console."""
    return Text(readable(text), style=style)


class Terminal(Console):
    """A console that shows strings as they are, and replaces the control characters in them."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(readable(segment.text, keep="\n"), segment.style)

    def status(self, status: RenderableType, **how: Any) -> Status:
        """As rich's; a string is no markup here either."""
        return super().status(Text(status) if isinstance(status, str) else status, **how)
