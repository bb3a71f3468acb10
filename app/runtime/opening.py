"""Whether what is being opened, beside the running picture, is still wanted."""

from __future__ import annotations

from app.runtime.job import Cancelled


class Opening:
    """One network that is being opened. Any thread may say that it is not wanted any more.

    What runs inside a library cannot be interrupted, so whoever opens asks between two steps.

    Attributes:
        superseded: another network is opened next; it needs the same conversion.
        cancelled: nothing of it is wanted; a conversion in another process ends too.
    """

    def __init__(self) -> None:
        self.superseded = False
        self.cancelled = False

    def supersede(self) -> None:
        """A conversion that runs is finished, and no step after it begins."""
        self.superseded = True

    def cancel(self) -> None:
        """Everything ends as soon as it can."""
        self.cancelled = True

    def check(self) -> None:
        """Call it before each step that takes long.

        Raises:
            Cancelled: the step is not wanted.
        """
        if self.cancelled or self.superseded:
            raise Cancelled

    def check_conversion(self) -> None:
        """Call it often while the weights are converted.

        Raises:
            Cancelled: the conversion is not wanted.
        """
        if self.cancelled:
            raise Cancelled
