"""The types that flow along the path of a frame. Read this first.

Source ─Frame─► Matting ─Matte─► temporal ─Matte─► Refine ─Cutout─► Compositing ─Composite─► Output

Everything at the frame's size is uint8; float lives only on the network's small grid. BGR never
leaves `app/sources`, tensors never leave `app/engines`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.edge_colours import EdgeColours

RGB = npt.NDArray[np.uint8]  # (H, W, 3), C-contiguous
RGBA = npt.NDArray[np.uint8]  # (H, W, 4), straight alpha
Alpha8 = npt.NDArray[np.uint8]  # (H, W), 255 is the person
Alpha = npt.NDArray[np.float32]  # (h, w) in [0, 1]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    rgb: uint8 (H, W, 3), C-contiguous, upright, never mutated after it is made.
    index: counts up from 0 in one source.
    captured_at: seconds. Live: on time.monotonic()'s clock. From a file: the frame's own
        presentation time, so that a variable frame rate survives.
    rgba: uint8 (H, W, 4), straight, where the picture is not opaque: its own colors and alpha, of
        which `rgb` is the composite over one color (app/sources/alpha.py). The cut-out keeps it.
    mirrored: the network is to see it flipped left to right; `rgb` itself is not.
    halves: `rgb` halved once, twice and so on, as far as anybody wanted it; see app/halving.py.
    scaled: `rgb` at other sizes (width, height), likewise; see app/temporal/motion.py.
    changes: how much it differs from earlier frames, by their index, likewise.
    """

    rgb: RGB
    index: int
    captured_at: float
    mirrored: bool = False
    rgba: RGBA | None = None
    halves: dict[int, RGB] = field(repr=False, default_factory=dict)
    scaled: dict[tuple[int, int], RGB] = field(repr=False, default_factory=dict)
    changes: dict[int, npt.NDArray[np.float32]] = field(repr=False, default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Matte:
    """What the network says of a frame.

    alpha: float32 (h, w) in [0, 1] on the network's grid, with the padding cropped away: it
        covers the whole frame, only at another resolution. Never mutated.
    """

    frame: Frame
    alpha: Alpha


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """The person at the frame's size: what refinement makes of a matte.

    alpha: uint8 (H, W).
    colours: the person's own, straight (not premultiplied): uint8 (H, W, 3), or the frame's with
        others along the edge.
    """

    frame: Frame
    alpha: Alpha8
    colours: RGB | EdgeColours

    @property
    def foreground(self) -> RGB:
        """The person's own colours, uint8 (H, W, 3); the frame's where nothing was estimated."""
        colours = self.colours
        return colours.whole if isinstance(colours, EdgeColours) else colours


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """The cut-out on its background.

    rgb: uint8 (H, W, 3), or None where the background is transparent.
    """

    cutout: Cutout
    rgb: RGB | None
