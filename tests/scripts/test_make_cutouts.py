"""The script that cuts people out of clips for training."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.scripts.loading import script_named


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_named("make_cutouts")


def test_a_cut_out_has_the_persons_own_colours_at_its_edge(script: ModuleType) -> None:
    rgb = np.full((72, 128, 3), (20, 200, 60), np.uint8)
    across = np.clip((np.arange(128) - 50) / 12, 0, 1)
    alpha = np.tile(np.rint(255 * across).astype(np.uint8), (72, 1))
    person = np.array([120.0, 90.0, 80.0])
    rgb = np.rint(across[None, :, None] * person + (1 - across[None, :, None]) * rgb)
    cut = script.cut_out(np.ascontiguousarray(rgb, np.uint8), alpha)
    assert cut.shape == (72, 128, 4)
    edge = (cut[..., 3] > 40) & (cut[..., 3] < 215)
    before, after = (np.abs(one[edge] - person).mean() for one in (rgb, cut[..., :3].astype(float)))
    assert after < before / 2


def test_small_holes_and_islands_go_and_large_ones_stay(script: ModuleType) -> None:
    alpha = np.zeros((100, 100), np.uint8)
    alpha[20:90, 20:90] = 255
    alpha[30:33, 30:33] = 0
    alpha[50:70, 50:70] = 0
    alpha[5:8, 5:8] = 255
    tidy = script.tidied(alpha)
    assert (tidy[30:33, 30:33] == 255).all()
    assert (tidy[50:70, 50:70] == 0).all()
    assert (tidy[5:8, 5:8] == 0).all()
