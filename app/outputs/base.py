"""What an output promises."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

# uint8: (H, W) for a matte, (H, W, 3) RGB, or (H, W, 4) RGBA with straight alpha.
Picture = npt.NDArray[np.uint8]
Channels = Literal["grey", "rgb", "rgba"]


class Output(Protocol):
    """Takes pictures in order. A context manager: what `__enter__` opens, `__exit__` closes.

    `__exit__` finishes the file whatever happened (an exception, Ctrl-C), so that what was written
    is playable. Raises OutputError (DiskFull, OutputExists, ...) with one sentence.
    """

    accepts_alpha: bool

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def write(self, picture: Picture, *, index: int, captured_at: float) -> None:
        """`index` and `captured_at` are those of the picture's Frame. The picture is not kept."""
        ...
