"""When decoded frames are shown, where their own times are missing, repeated or go back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.video.frame import VideoFrame

# So many frames at one time are held until a later time comes; a clock that stands for longer
# counts as none.
_MOST_HELD = 8


def in_time(
    frames: Iterable[VideoFrame], time_base: Fraction, rate: Fraction
) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Each frame with its time in seconds, which grows from frame to frame.

    A frame without a time follows one interval after the last one. Frames that share one time, or
    go back, are spread evenly until the next time that is later, one interval each at most.
    """
    last: Fraction | None = None
    held: list[VideoFrame] = []

    def spread(until: Fraction | None) -> Iterator[tuple[Fraction, VideoFrame]]:
        nonlocal last
        assert last is not None
        step = 1 / rate
        if until is not None:
            step = min(step, (until - last) / (len(held) + 1))
        for frame in held:
            last += step
            yield last, frame
        held.clear()

    for frame in frames:
        time = _own_time(frame, time_base)
        if last is None:
            last = Fraction(0) if time is None else time
            yield last, frame
        elif time is None and not held:
            last += 1 / rate
            yield last, frame
        elif time is None or time <= last:
            held.append(frame)
            if len(held) >= _MOST_HELD:
                yield from spread(None)
        else:
            if held:
                yield from spread(time)
            last = time
            yield last, frame
    if held:
        yield from spread(None)


def _own_time(frame: VideoFrame, time_base: Fraction) -> Fraction | None:
    ticks = frame.pts if frame.pts is not None else frame.dts
    return None if ticks is None else ticks * Fraction(frame.time_base or time_base)
