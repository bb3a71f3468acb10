"""What refinement does, in float64 and over the whole picture, as its modules' formulas stand."""

from __future__ import annotations

import cv2
import numpy as np

from app.frames import Frame
from app.runs import Runs
from app.temporal.motion import small_picture


def window(values: np.ndarray, side: int) -> np.ndarray:
    """The mean over a square, mirrored at the border, in float64; any number of channels."""
    channels = values.reshape(*values.shape[:2], -1)
    means = [
        cv2.blur(np.ascontiguousarray(channels[..., i], float), (side, side))
        for i in range(channels.shape[2])
    ]
    return np.stack(means, axis=-1).reshape(values.shape)


def halved(values: np.ndarray) -> np.ndarray:
    """The mean of each 2x2 pixels, (2h, 2w, ...) -> (h, w, ...)."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    return values.reshape(height, 2, width, 2, *values.shape[2:]).mean(axis=(1, 3))


def over(values: np.ndarray, weight: np.ndarray, side: int) -> np.ndarray:
    """The mean of values, (h, w, c), over a window, by a weight, (h, w)."""
    weight = weight[..., None] + 1e-3
    return window(values * weight, side) / window(weight, side)


class Small:
    """What is known on the grid of 72 rows, all of it (h, w, ...)."""

    def __init__(self, picture: np.ndarray, alpha: np.ndarray) -> None:
        """picture: uint8 (H, W, 3). alpha: float32, on the network's grid."""
        scale = min(1.0, 144 / min(alpha.shape))
        width, height = (2 * max(1, round(side * scale / 2)) for side in alpha.shape[::-1])
        small = small_picture(Frame(picture, 0, 0.0))
        fine = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(float)
        fine_alpha = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA).astype(float)
        self.colours, self.alpha = halved(fine), halved(fine_alpha)
        self.products = halved(fine[..., :, None] * fine[..., None, :])
        self.with_alpha = halved(fine * 255 * fine_alpha[..., None])

    def line(self) -> np.ndarray:
        """Slopes and offset of alpha in levels, (h, w, 4)."""
        mean, mean_a = window(self.colours, 3), window(255 * self.alpha, 3)
        spread = window(self.products, 3) - mean[..., :, None] * mean[..., None, :]
        spread += 2.55**2 * np.eye(3)
        with_a = window(self.with_alpha, 3) - mean * mean_a[..., None]
        slopes = np.linalg.solve(spread, with_a[..., None])[..., 0]
        offset = mean_a - (slopes * mean).sum(axis=-1)
        return np.dstack([slopes, offset])

    def told(self) -> np.ndarray:
        """The room's variance along F - B as a share of |F - B|^2: 1 up to a half, 0 from 1 on."""
        person, room = over(self.colours, self.alpha, 9), over(self.colours, 1 - self.alpha, 9)
        apart = person - room
        products = self.products.reshape(*self.alpha.shape, 9)
        mean = over(products, 1 - self.alpha, 9).reshape(self.products.shape)
        spread = mean - room[..., :, None] * room[..., None, :]
        along = np.einsum("...i,...ij,...j", apart, spread, apart)
        return np.clip(2 - along / (0.5 * ((apart**2).sum(axis=-1) + 1) ** 2), 0, 1)

    def first_guess(self) -> tuple[np.ndarray, np.ndarray]:
        """The colours of person and room."""
        a = self.alpha[..., None]
        f = b = self.colours
        for side in (9, 3):
            f, b = over(f, self.alpha, side), over(b, 1 - self.alpha, side)
            f = np.clip(f + a * (self.colours - a * f - (1 - a) * b), 0, 255)
        return f, b


def sampled(small: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bilinearly at each pixel of a picture of the shape (H, W): float32 (H, W, c)."""
    everywhere = Runs.of(np.ones(shape, bool))
    small = small.reshape(*small.shape[:2], -1).astype(np.float32)
    channels = [
        np.concatenate(
            [
                piece.sample(np.ascontiguousarray(small[..., i]))[0].reshape(-1)
                for piece in everywhere.pieces()
            ]
        )
        for i in range(small.shape[2])
    ]
    return np.stack(channels, axis=-1).reshape(*shape, -1)


class Plainly:
    """past: what was enlarged and led last."""

    def __init__(self) -> None:
        self.past: tuple[np.ndarray, np.ndarray] | None = None

    def led(self, alpha: np.ndarray, enlarged: np.ndarray, picture: np.ndarray) -> np.ndarray:
        small = Small(picture, alpha)
        line = sampled(small.line(), enlarged.shape)
        led = (line[..., :3] * picture).sum(axis=-1) + line[..., 3]
        base = enlarged.astype(float)
        trust = np.minimum(6 * base * (255 - base) / 255**2, 0.55)
        believed = sampled(small.told(), enlarged.shape)[..., 0]
        step = trust * believed * (np.clip(led, 0, 255) - base)
        if self.past is not None:
            then, was_led = self.past
            kept = np.maximum(0, 0.7 * (1 - np.abs(then - base) / 25.5))
            step += kept * (was_led - then - step)
        return np.where(band(enlarged), np.clip(base + step, 0, 255), base)


def colours(
    alpha: np.ndarray, enlarged: np.ndarray, led: np.ndarray, picture: np.ndarray
) -> np.ndarray:
    """The person's, where alpha was led to `led`: (H, W, 3)."""
    f, b = (sampled(guess, enlarged.shape) for guess in Small(picture, alpha).first_guess())
    a = led[..., None] / 255.0
    estimated = np.clip(f + a * (picture - a * f - (1 - a) * b), 0, 255)
    return np.where(band(enlarged)[..., None], estimated, picture)


def band(enlarged: np.ndarray) -> np.ndarray:
    return (enlarged >= 3) & (enlarged <= 252)
