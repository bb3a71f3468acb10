"""What several looks at one picture agree on."""

from __future__ import annotations

import numpy as np
import pytest

from app.frames import RGB, Alpha
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize
from app.training import views


def test_the_median_of_the_looks_is_taken_mirrored_ones_turned_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A network that is right but at one size, where it sees nothing."""
    rgb = np.zeros((96, 128, 3), np.uint8)
    rgb[:, :40] = 255
    seen = []

    def alpha_of(network: MODNet, picture: RGB, size: NetworkSize) -> Alpha:
        assert size.box is not None
        seen.append(min(size.box))
        right = picture[..., 0].astype(np.float32) / 255
        return right if min(size.box) < 512 else np.zeros_like(right)

    monkeypatch.setattr(views, "alpha_of", alpha_of)
    alpha = views.agreed(MODNet(), rgb)
    assert np.array_equal(alpha, rgb[..., 0] / 255)
    assert set(seen) == {288, 384, 448, 512}
    assert alpha.dtype == np.float32
