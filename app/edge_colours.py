"""A person's colours, of which only those along the edge are not the picture's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.pool import PicturePool
    from app.runs import Bytes, Runs


class EdgeColours:
    """The picture, but for some runs. A whole picture of it is made only for who asks.

    picture: uint8 (H, W, 3). alpha: uint8 (H, W), whose soft edge these are. runs: at least those
    of `alpha` that are neither 0 nor 255 all over. pixels: uint8 (1, n, 3), the colours there.
    """

    __slots__ = ("_pool", "_whole", "alpha", "picture", "pixels", "runs")

    def __init__(
        self, picture: Bytes, *, alpha: Bytes, runs: Runs, pixels: Bytes, pool: PicturePool
    ) -> None:
        """pool: gives the memory of the whole picture."""
        self.picture, self.alpha, self.runs, self.pixels = picture, alpha, runs, pixels
        self._pool = pool
        self._whole: Bytes | None = None

    @property
    def whole(self) -> Bytes:
        """uint8 (H, W, 3). Two threads that ask at once both make it, and either is as good."""
        if self._whole is None:
            whole = self._pool.copy(self.picture)
            self.runs.put(whole, self.pixels)
            self._whole = whole
        return self._whole
