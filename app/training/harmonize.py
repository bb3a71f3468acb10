"""The room's light on the person: color transfer, shading, rim light, light wrap, and their shadow.

Color transfer: Reinhard et al., "Color transfer between images", IEEE CG&A 2001, in Lab, taken by a
share only. Light wrap is the compositor's: the room's bright blur spills over the person's edge.
All pictures are float32 in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.training.layers import Layer

Floats = npt.NDArray[np.float32]
# The share of the room's Lab mean and spread that the person takes over.
_SHARE = (0.2, 0.6)
# Light is smooth: it is worked out on so small a picture.
_SMALL = 64


@dataclass(frozen=True)
class Light:
    """How the room lights the person.

    Attributes:
        gain, offset: of each Lab channel, which match the person to the room.
        side: how much brighter the side at which `angle` points is, as a share.
        angle: in radians, where the light comes from.
        wrap: how much of the room's blur spills over the edge.
        rim: how much of the light behind lights up the edge.
        shadow: how much the person darkens the room behind; its shift is in `cast`.
        cast: where the shadow falls, in shares of the frame's height.
        exposure, tint: of the person alone.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    side: float = 0.0
    angle: float = 0.0
    wrap: float = 0.0
    rim: float = 0.0
    shadow: float = 0.0
    cast: tuple[float, float] = (0.0, 0.0)
    exposure: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def draw_light(
    rng: np.random.Generator, layer: Layer, room: Floats, *, harmonized: bool, against: bool = False
) -> Light:
    """A light by chance: matched to the room, or only another exposure and white balance.

    against: the light is behind the person.
    """
    exposure = float(np.exp(rng.normal(0, 0.18)))
    tint = rng.uniform(0.94, 1.06, 3)
    gain, offset = np.ones(3), np.zeros(3)
    if harmonized and float(layer.alpha.max()) > 0.5:
        gain, offset = _match(rng, layer, room)
        exposure = float(np.exp(rng.normal(0, 0.08)))
    direction = float(rng.uniform(0, 2 * np.pi))
    if against:
        exposure *= float(rng.uniform(0.3, 0.7))
    return Light(
        gain=(float(gain[0]), float(gain[1]), float(gain[2])),
        offset=(float(offset[0]), float(offset[1]), float(offset[2])),
        side=float(rng.uniform(0, 0.45)) if rng.random() < 0.5 else 0.0,
        angle=direction,
        wrap=float(rng.uniform(0.1, 0.6)) if harmonized or against else 0.0,
        rim=float(rng.uniform(0.2, 0.9)) if against else 0.0,
        shadow=float(rng.uniform(0.1, 0.5)) if harmonized and rng.random() < 0.6 else 0.0,
        cast=(float(rng.uniform(-0.1, 0.1)), float(rng.uniform(0.0, 0.08))),
        exposure=exposure,
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
    )


def _match(
    rng: np.random.Generator, layer: Layer, room: Floats
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    size = _SMALL, _SMALL
    alpha = cv2.resize(layer.alpha, size, interpolation=cv2.INTER_AREA)
    color = cv2.resize(layer.color, size, interpolation=cv2.INTER_AREA)
    inside = alpha > 0.5
    straight = np.clip(color / np.maximum(alpha, 1e-3)[..., None], 0, 1).astype(np.float32)
    own = cv2.cvtColor(straight, cv2.COLOR_RGB2Lab)[inside]
    small = np.asarray(cv2.resize(room, size, interpolation=cv2.INTER_AREA), np.float32)
    there = cv2.cvtColor(small, cv2.COLOR_RGB2Lab).reshape(-1, 3)
    share = rng.uniform(*_SHARE)
    own_mean, own_spread = own.mean(axis=0), own.std(axis=0)
    mean, spread = there.mean(axis=0), there.std(axis=0)
    wanted_spread = own_spread + share * (spread - own_spread)
    gain = np.clip(wanted_spread / np.maximum(own_spread, 1.0), 0.6, 1.5)
    # A dark room does not make a person black, nor a red wall a red one.
    limit = np.array([22.0, 10.0, 10.0])
    shift = np.clip(share * (mean - own_mean), -limit, limit)
    offset = own_mean + shift - gain * own_mean
    return np.asarray(gain, np.float64), np.asarray(offset, np.float64)


def lit(layer: Layer, light: Light) -> Layer:
    """The person in that light, without what the room spills over them."""
    alpha = layer.alpha
    straight = layer.color / np.maximum(alpha, np.float32(1e-3))
    if light.gain != (1.0, 1.0, 1.0) or light.offset != (0.0, 0.0, 0.0):
        lab = cv2.cvtColor(np.clip(straight, 0, 1).astype(np.float32), cv2.COLOR_RGB2Lab)
        lab = lab * np.asarray(light.gain, np.float32) + np.asarray(light.offset, np.float32)
        straight = np.asarray(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2RGB), np.float32)
    gains = np.asarray(light.tint, np.float32) * np.float32(light.exposure)
    straight = straight * gains
    if light.side:
        height, width = alpha.shape[:2]
        xs = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
        ys = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
        slope = xs * np.float32(np.cos(light.angle)) + ys * np.float32(np.sin(light.angle))
        straight = straight * (1 + np.float32(light.side) * slope)
    color = np.clip(straight, 0, 1) * alpha
    return Layer(np.asarray(color, np.float32), alpha, layer.evidence)


def joined(layer: Layer, room: Floats, light: Light) -> Floats:
    """The lit person before the room, with shadow and light wrap: float32 (H, W, 3)."""
    alpha = layer.alpha
    height, width = alpha.shape[:2]
    color = layer.color
    if light.shadow:
        room = room * (1 - np.float32(light.shadow) * _shadow(alpha[..., 0], light)[..., None])
    if light.wrap or light.rim:
        small = max(8, width // 4), max(8, height // 4)
        blurred = cv2.resize(room, small, interpolation=cv2.INTER_AREA)
        sigma = max(1.0, 0.02 * height)
        blurred = cv2.GaussianBlur(blurred, (0, 0), sigma)
        blurred = np.asarray(cv2.resize(blurred, (width, height)), np.float32)
        soft = cv2.resize(alpha[..., 0], small, interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(np.asarray(soft, np.float32), (0, 0), max(0.8, 0.006 * height))
        soft = np.asarray(cv2.resize(soft, (width, height)), np.float32)[..., None]
        near = np.clip(2 * (1 - soft), 0, 1) * alpha
        bright = blurred.mean(axis=2, keepdims=True)
        spill = blurred * bright * np.float32(light.wrap) + blurred * np.float32(light.rim * 0.5)
        color = 1 - (1 - np.clip(color, 0, 1)) * (1 - np.clip(spill * near, 0, 1))
        # What spills cannot be brighter than alpha lets through.
        color = np.minimum(color, alpha)
    return np.asarray(color + room * (1 - alpha), np.float32)


def _shadow(alpha: Floats, light: Light) -> Floats:
    height, width = alpha.shape
    small = max(8, width // 4), max(8, height // 4)
    cast = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
    shift = light.cast[0] * small[1], light.cast[1] * small[1]
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    moved = cv2.warpAffine(cast, matrix, small, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(moved, (0, 0), max(1.0, 0.05 * small[1]))
    return np.asarray(cv2.resize(soft, (width, height)), np.float32)
