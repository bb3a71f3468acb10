"""What a webcam makes of a scene: exposure, white balance, defocus, noise, compression.

Motion blur is not here: it belongs to the person and to alpha alike (app/training/layers.py), while
these leave alpha as it is. One camera lasts for a whole sequence; only noise is new in each frame.
Strengths are moderate on purpose: users got worse mattes from strong noise and blur (MODNet #57,
#121).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB

Floats = npt.NDArray[np.float32]
# Pixels of a block of a video codec.
_BLOCK = 16
# How long the sequence is until the refreshed stripe has passed the whole picture, in frames.
_REFRESH = 12


@dataclass(frozen=True)
class Camera:
    """A camera with its faults.

    Attributes:
        exposure, balance, gamma, contrast: of the whole picture.
        vignette: how much darker the corners are.
        defocus: sigma of the blur, in pixels.
        sharpen: how much an edge is enhanced, as webcams do.
        noise: of the darkest parts and of the brightest, in [0, 1]; coarse: of 2 x 2 pixels.
        shrink: how much smaller the sensor's picture was, 1 for none.
        quality: of JPEG or of a video codec's key frame, 100 for none.
        skip: how much a block may change before it is sent again, in [0, 255]; 0 for stills.
    """

    exposure: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    contrast: float = 1.0
    vignette: float = 0.0
    defocus: float = 0.0
    sharpen: float = 0.0
    noise: tuple[float, float] = (0.0, 0.0)
    coarse: bool = False
    shrink: float = 1.0
    quality: int = 100
    skip: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, height: int) -> Camera:
        """A camera by chance, for pictures `height` pixels high."""

        def sometimes(chance: float, low: float, high: float) -> float:
            value = float(rng.uniform(low, high))
            return value if rng.random() < chance else 0.0

        noise = sometimes(0.6, 0.003, 0.03)
        balance = rng.uniform(0.92, 1.08, 3)
        quality = int(rng.integers(35, 95))
        return cls(
            exposure=float(np.exp(rng.normal(0, 0.16))),
            balance=(float(balance[0]), float(balance[1]), float(balance[2])),
            gamma=float(np.exp(rng.normal(0, 0.12))),
            contrast=float(rng.uniform(0.8, 1.15)),
            vignette=sometimes(0.25, 0.05, 0.35),
            defocus=sometimes(0.2, 0.4, 1.3) * height / 288,
            sharpen=sometimes(0.3, 0.2, 0.9),
            noise=(noise, noise * float(rng.uniform(0.3, 1.2))),
            coarse=bool(rng.random() < 0.4),
            shrink=float(rng.uniform(1.3, 2.0)) if rng.random() < 0.15 else 1.0,
            quality=quality if rng.random() < 0.7 else 100,
            skip=sometimes(0.6, 1.0, 5.0),
        )


def exposed(picture: Floats, camera: Camera) -> Floats:
    """Light as the sensor has it: float32 (H, W, 3) in [0, 1], not sharper than the lens."""
    gains = np.asarray(camera.balance, np.float32) * np.float32(camera.exposure)
    picture = np.clip(picture * gains, 0, 1)
    if camera.gamma != 1.0:
        picture = np.asarray(cv2.pow(picture, camera.gamma), np.float32)
    if camera.contrast != 1.0:
        picture = (picture - np.float32(0.5)) * np.float32(camera.contrast) + np.float32(0.5)
    if camera.vignette:
        height, width = picture.shape[:2]
        xs = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        ys = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        picture = picture * (1 - np.float32(camera.vignette / 2) * (xs**2 + ys**2))[..., None]
    if camera.defocus:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), camera.defocus), np.float32)
    if camera.sharpen:
        soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
        picture = picture + np.float32(camera.sharpen) * (picture - soft)
    return np.asarray(np.clip(picture, 0, 1), np.float32)


def with_noise(picture: Floats, camera: Camera, rng: np.random.Generator) -> Floats:
    """Noise between that of dark parts and that of bright ones."""
    dark, bright = camera.noise
    if not dark and not bright:
        return picture
    height, width = picture.shape[:2]
    size = (height // 2 + 1, width // 2 + 1, 3) if camera.coarse else (height, width, 3)
    grain = rng.standard_normal(size, np.float32)
    if camera.coarse:
        grain = np.asarray(cv2.resize(grain, (width, height)), np.float32) * np.float32(1.4)
    strength = np.float32(dark) + np.float32(bright - dark) * picture.mean(axis=2, keepdims=True)
    return np.asarray(np.clip(picture + grain * strength, 0, 1), np.float32)


class Recorder:
    """Compresses the frames of one sequence; a still is a sequence of one.

    Rolling compression: a block that hardly changes keeps what was sent last, and a stripe that
    passes over the picture is sent again and better, as codecs for calls do.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._sent: RGB | None = None
        self._count = 0

    def add(self, picture: Floats, rng: np.random.Generator) -> RGB:
        """The next frame as the viewer gets it, uint8 (H, W, 3)."""
        camera = self._camera
        seen = exposed(picture, camera)
        height, width = seen.shape[:2]
        if camera.shrink > 1:
            small = round(width / camera.shrink), round(height / camera.shrink)
            seen = np.asarray(cv2.resize(seen, small, interpolation=cv2.INTER_AREA), np.float32)
        seen = with_noise(seen, camera, rng)
        rgb = np.asarray(np.clip(seen * 255 + np.float32(0.5), 0, 255), np.uint8)
        if camera.shrink > 1:
            rgb = np.asarray(
                cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
            )
        if camera.quality < 100:
            coded = _jpeg(rgb, camera.quality)
            rgb = self._rolled(rgb, coded)
        self._sent = rgb
        self._count += 1
        return rgb

    def _rolled(self, rgb: RGB, coded: RGB) -> RGB:
        sent = self._sent
        if sent is None or not self._camera.skip:
            return coded
        height, width = rgb.shape[:2]
        change = cv2.absdiff(rgb, sent).mean(axis=2, dtype=np.float32)
        blocks = -(-width // _BLOCK), -(-height // _BLOCK)
        mean = np.asarray(cv2.resize(change, blocks, interpolation=cv2.INTER_AREA), np.float32)
        anew = mean > self._camera.skip
        stripe = (self._count * blocks[1] // _REFRESH) % blocks[1]
        anew[stripe : stripe + max(1, blocks[1] // _REFRESH)] = True
        mask = np.repeat(np.repeat(anew, _BLOCK, axis=0), _BLOCK, axis=1)[:height, :width]
        return np.where(mask[..., None], coded, sent)


def _jpeg(rgb: RGB, quality: int) -> RGB:
    _, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
