"""What several looks at one picture agree on: a better teacher than one look.

The network decides by the size at which it sees a picture, and differently when it is mirrored:
what it takes for a person at one size it leaves at another. The median of the looks errs less
than one of them (docs/adapt.md).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize
from app.training.validation import alpha_of

Alphas = npt.NDArray[np.float32]  # (N, H, W)

# (short side, mirrored). The usual size, which is 288, and finer ones, at which the network takes
# less of the room for the person; coarser ones only added errors (docs/adapt.md).
_LOOKS = (
    (288, False),
    (288, True),
    (384, False),
    (384, True),
    (448, False),
    (448, True),
    (512, False),
)


def agreed(network: MODNet, rgb: RGB) -> Alpha:
    """The median of what `network` makes of `rgb`, uint8 (H, W, 3), seen seven times; (H, W)."""
    return np.asarray(np.median(looks(network, rgb), axis=0), np.float32)


def looks(network: MODNet, rgb: RGB) -> Alphas:
    """What `network` makes of `rgb`, uint8 (H, W, 3), seen seven times: float32 (7, H, W)."""
    height, width = rgb.shape[:2]
    mirrored = np.ascontiguousarray(rgb[:, ::-1])
    found = []
    for side, flipped in _LOOKS:
        scale = side / min(height, width)
        size = NetworkSize((max(32, round(width * scale)), max(32, round(height * scale))))
        alpha = alpha_of(network, mirrored if flipped else rgb, size)
        found.append(np.ascontiguousarray(alpha[:, ::-1]) if flipped else alpha)
    return np.stack(found)
