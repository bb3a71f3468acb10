"""What a step on the matte promises, and the step of the path that runs those that are set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from app.frames import Alpha, Matte
from app.registry import Registry

# A longer pause than this, in seconds, between two mattes is a gap: what was known of the moving
# things is out of date.
_GAP = 1.0


class MatteStep:
    """Changes the alpha of each matte; gives it at once, and keeps to its grid.

    place: those with a lower one go first. on_notice: takes a sentence for the user, once for each
    thing that there is to say; called from the thread that calls `change`. A subclass with options
    has an inner frozen dataclass `Options` and takes one in its constructor, which opens nothing.
    """

    place = 0

    def __init__(self) -> None:
        self.on_notice: Callable[[str], None] = lambda _: None

    def open(self) -> None:
        """Reads what is needed. Raises InputError with one sentence."""

    def change(self, matte: Matte) -> Alpha:
        """float32 (h, w) in [0, 1], of the matte's own shape; may be the matte's own array."""
        raise NotImplementedError

    def reset(self) -> None:
        """Another source, a gap in time: forget what moves."""


matte_steps: Registry[MatteStep] = Registry("matte step", "app.matte_steps")


def open_matte_steps(specs: Sequence[str]) -> Mapping[str, MatteStep]:
    """The steps that `specs` (`NAME[:VALUE][,KEY=VALUE...]`) name, open, by their spec.

    Raises OptionError for a name or an option that there is not, InputError for a file.
    """
    steps = {}
    for spec in specs:
        step = matte_steps.create_from_spec(spec)
        step.open()
        steps[spec] = step
    return steps


class MatteSteps:
    """Matte -> Matte through each of `steps`, by their place."""

    name = "matte steps"

    def __init__(
        self,
        steps: Mapping[str, MatteStep],
        *,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on_notice = on_notice
        self._steps: dict[str, MatteStep] = {}
        self._sorted: tuple[MatteStep, ...] = ()
        self._last: Matte | None = None
        self.take(steps)

    def take(self, steps: Mapping[str, MatteStep]) -> None:
        """Others from now on. One whose spec is here already goes on as it is, with its past."""
        self._steps = {spec: self._steps.get(spec, step) for spec, step in steps.items()}
        self._sorted = tuple(sorted(self._steps.values(), key=lambda step: step.place))
        for step in self._sorted:
            step.on_notice = self._on_notice

    def push(self, item: Matte) -> Iterable[Matte]:
        if not self._sorted:
            return (item,)
        last, self._last = self._last, item
        if last is not None and _apart(last, item):
            self.reset()
            self._last = item
        matte = item
        for step in self._sorted:
            alpha = step.change(matte)
            if alpha is not matte.alpha:
                matte = Matte(item.frame, alpha)
        return (matte,)

    def flush(self) -> Iterable[Matte]:
        return ()

    def reset(self) -> None:
        self._last = None
        for step in self._sorted:
            step.reset()


def _apart(last: Matte, item: Matte) -> bool:
    """Whether what was known at `last` says nothing of `item`."""
    step = item.frame.captured_at - last.frame.captured_at
    return last.frame.size != item.frame.size or not 0 <= step <= _GAP
