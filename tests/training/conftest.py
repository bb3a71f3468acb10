"""People, rooms and networks as small as training can be tested with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from app.modnet.network import MODNet

Bytes = npt.NDArray[np.uint8]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The same sums in the same order, and room for whatever else runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> MODNet:
    torch.manual_seed(0)
    return MODNet()


def person(seed: int, size: tuple[int, int] = (120, 160)) -> Bytes:
    """uint8 (H, W, 4): a head on shoulders with soft edges, in colours of its own."""
    width, height = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    head = 1 - np.hypot((x - 0.5) / 0.22, (y - 0.35) / 0.28)
    body = 1 - np.hypot((x - 0.5) / 0.45, (y - 1.05) / 0.5)
    alpha = np.clip(np.maximum(head, body) * 12 + 0.5, 0, 1)
    skin, shirt = rng.integers(90, 240, 3), rng.integers(20, 200, 3)
    colours = np.where((y < 0.6)[..., None], skin, shirt) * (0.8 + 0.2 * x[..., None])
    colours = colours + rng.normal(0, 6, (height, width, 3))
    rgba = np.dstack([colours, alpha * 255])
    return np.clip(rgba, 0, 255).astype(np.uint8)


def room(seed: int, size: tuple[int, int] = (320, 200)) -> Bytes:
    """uint8 (H, W, 3): a wall with rectangles on it."""
    width, height = size
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(12):
        x, y = rng.integers(width - 20), rng.integers(height - 20)
        w, h = rng.integers(10, 80, 2)
        picture[y : y + h, x : x + w] = rng.integers(0, 255, 3)
    return picture


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """A folder with cutouts/ (four people), rooms/ (three) and pairs/{image,alpha} (two)."""
    folder = tmp_path / "material"
    for name in ("cutouts", "rooms", "pairs/image", "pairs/alpha"):
        (folder / name).mkdir(parents=True)
    for seed in range(4):
        Image.fromarray(person(seed)).save(folder / f"cutouts/{seed}.png")
    for seed in range(3):
        Image.fromarray(room(seed)).save(folder / f"rooms/{seed}.png")
    for seed in range(4, 6):
        rgba = person(seed)
        Image.fromarray(np.ascontiguousarray(rgba[..., :3])).save(
            folder / f"pairs/image/{seed}.png"
        )
        Image.fromarray(np.ascontiguousarray(rgba[..., 3])).save(folder / f"pairs/alpha/{seed}.png")
    return folder
