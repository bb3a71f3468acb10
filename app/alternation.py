"""What the network is shown: every other picture mirrored, where the filter over time allows it.

The network is not symmetric: it errs in other places on the mirrored picture. A filter that takes
the median of neighbouring mattes then takes out some of what either view gets wrong, and it costs
one flip of the picture. In fast motion there is nothing to take the median of: there all pictures
are shown as they are. Only the pictures decide, so that a clip gives the same twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from app.frames import Frame, Matte
from app.temporal.motion import change_since

# Motion is fast where more than this share of the picture changes by more than so many levels: a
# person in a chair changes a tenth, one who shakes all over a sixth.
_CHANGED, _SHARE = 15.0, 0.12


class Alternation:
    """Stands around an engine: `into` before it, `out_of` after it. Used from one thread."""

    def __init__(self) -> None:
        self._next_is_mirrored = False
        self._shown: deque[tuple[Frame, bool]] = deque()
        self._last: Frame | None = None

    def into(self, frame: Frame, *, alternate: bool) -> Frame:
        """What the network is to see of `frame`."""
        if not alternate:
            self._last = None
        mirrored = alternate and self._calm(frame) and self._next_is_mirrored
        self._next_is_mirrored = not self._next_is_mirrored
        self._shown.append((frame, mirrored))
        if not mirrored:
            return frame
        return replace(frame, mirrored=True)

    def out_of(self, mattes: Iterable[Matte]) -> Iterator[Matte]:
        """The engine's mattes, in order, as mattes of the frames that went in."""
        for matte in mattes:
            frame, mirrored = self._shown.popleft()
            if mirrored:
                yield Matte(frame, np.asarray(cv2.flip(matte.alpha, 1), np.float32))
            else:
                yield matte

    def reset(self) -> None:
        """Nothing is in the engine any more; the next picture is shown as it is."""
        self._next_is_mirrored = False
        self._shown.clear()
        self._last = None

    def _calm(self, frame: Frame) -> bool:
        last, self._last = self._last, frame
        if last is None or last.size != frame.size:
            return True
        change = change_since(last, frame)
        return float(np.mean(change > _CHANGED)) <= _SHARE
