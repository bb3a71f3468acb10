"""Some pixels of a picture, found, taken out and put back in short runs.

What happens only at a person's edge is computed only there. Eight neighbours in a row are found and
moved at the price of one, so a run holds pixels that nobody asked for, beside those that were: who
writes pixels back leaves them as they are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

# Pixels of a run, where the picture's width is a multiple of that.
_LONGEST = 8
# Pixels of a piece: remap takes no more in a row. Smaller ones stay in nearer caches, and cost as
# much in more calls.
_PIECE = 32736


@dataclass(frozen=True, eq=False)
class Runs:
    """k runs of `length` pixels, n in all, in a picture of `size` (width, height).

    at: intp (k,), which run of the picture each is, counted from the top left, rising.
    length: 8, 4, 2 or 1; it divides the width.
    """

    at: npt.NDArray[np.intp]
    length: int
    size: tuple[int, int]

    @classmethod
    def of(cls, mask: npt.NDArray[np.bool_]) -> Runs:
        """The runs that have a pixel in the mask, bool (H, W), C-contiguous."""
        words = _words_of(mask)
        return cls(np.flatnonzero(words != 0), words.itemsize, mask.shape[::-1])

    @classmethod
    def between(cls, alpha: Bytes) -> Runs:
        """The runs that are not 0 all over, nor 255, of uint8 (H, W), C-contiguous."""
        words = _words_of(alpha)
        one = words.dtype.type(1)
        # What is 255 all over wraps to 0.
        return cls(np.flatnonzero(words + one > one), words.itemsize, alpha.shape[::-1])

    @property
    def is_empty(self) -> bool:
        return self.at.size == 0

    @property
    def pixels(self) -> int:
        """n."""
        return self.at.size * self.length

    def pieces(self) -> Iterator[Runs]:
        """The same in parts of about equal size, so that what is made of one is small."""
        count = -(-self.pixels // _PIECE)
        if count == 1:
            yield self
        elif count > 1:
            for part in np.array_split(self.at, count):
                yield Runs(part, self.length, self.size)

    def box_on(self, size: tuple[int, int], margin: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (not included): what `sample` reads of a small picture.

        size: its (width, height). margin: so many pixels more to each side, where there are any.
        There is at least one run.
        """
        rows, columns = self._rows_and_columns
        last_column = (int(columns.max()) + 1) * self.length - 1
        ends = (int(columns.min()) * self.length, last_column), (int(rows[0]), int(rows[-1]))
        sides = []
        for (first, last), small, side in zip(ends, size, self.size, strict=True):
            scale = small / side
            low = math.floor((first + 0.5) * scale - 0.5) - margin
            high = math.ceil((last + 0.5) * scale - 0.5) + margin
            sides.append((max(0, low), min(small, high + 1)))
        (left, right), (top, bottom) = sides
        return left, top, right, bottom

    def take(self, picture: Bytes) -> Bytes:
        """uint8 (1, n) or (1, n, 3): these pixels of a picture, uint8 (H, W) or (H, W, 3)."""
        taken = self._runs_of(picture).take(self.at)
        return taken.view(np.uint8).reshape(1, -1, *picture.shape[2:])

    def put(self, picture: Bytes, pixels: Bytes) -> None:
        """Writes what `take` gives the shape of into the picture, which is C-contiguous."""
        if not picture.flags.c_contiguous:
            raise ValueError("Pixels can only be put into a picture that is C-contiguous.")
        runs = self._runs_of(picture)
        runs[self.at] = np.ascontiguousarray(pixels).reshape(-1).view(runs.dtype)

    def _runs_of(self, picture: Bytes) -> npt.NDArray[np.void]:
        """The picture with one element a run: a view, where it is C-contiguous."""
        channels = picture.shape[2] if picture.ndim == 3 else 1
        return (
            np.ascontiguousarray(picture)
            .reshape(-1)
            .view(np.dtype((np.void, self.length * channels)))
        )

    def sample(
        self,
        *smalls: npt.NDArray[Any],
        of: tuple[int, int] | None = None,
        at: tuple[int, int] = (0, 0),
    ) -> list[npt.NDArray[Any]]:
        """(1, n) or (1, n, c) each: small pictures of the same, bilinearly at these pixels.

        They are all of one size. Where they are only a part, `of` is the whole's (width, height)
        and `at` is its left and top in there. Four channels are sampled twice as fast as three.
        """
        size = (smalls[0].shape[1], smalls[0].shape[0]) if of is None else of
        x, y = self._maps_onto(size, at)
        return [
            cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for small in smalls
        ]

    @functools.cached_property
    def _rows_and_columns(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Of each run, (k,); columns are counted in runs."""
        across = self.size[0] // self.length
        rows = self.at // across
        return rows, self.at - rows * across

    def _maps_onto(self, size: tuple[int, int], first: tuple[int, int]) -> tuple[Float, Float]:
        """Where each pixel lies in the small picture, float32 (1, n) each."""
        (width, height), length = self.size, self.length
        row, column = self._rows_and_columns
        columns, rows = _centres(width, size[0], 1, length), _centres(height, size[1], length, 1)
        x, y = (
            table.take(at).view(np.float32).reshape(1, -1)
            for table, at in ((columns, column), (rows, row))
        )
        for places, offset in zip((x, y), first, strict=True):
            if offset:
                places -= np.float32(offset)
        return x, y


def _words_of(picture: npt.NDArray[Any]) -> npt.NDArray[np.unsignedinteger[Any]]:
    """A picture of bytes, (H, W), as one whole number for each run."""
    return np.asarray(picture.reshape(-1).view(f"u{math.gcd(picture.shape[1], _LONGEST)}"))


@functools.lru_cache(maxsize=8)
def _centres(side: int, small: int, times: int, of: int) -> npt.NDArray[np.void]:
    """Where the centre of each of `side` pixels lies among `small` ones that cover the same.

    float32, each so many times, as elements of `times * of` numbers: the columns of a run, or the
    row of all its pixels.
    """
    scale = small / side
    places = np.arange(side, dtype=np.float32) * np.float32(scale) + np.float32(scale / 2 - 0.5)
    table = np.repeat(np.asarray(places, np.float32), times)
    return table.view(np.dtype((np.void, 4 * times * of)))
