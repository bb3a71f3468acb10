"""Colors of picture files become sRGB: by an ICC profile, or by code points (CICP) and gamma.

The rules are those of browsers: cICP before an ICC profile before sRGB before gAMA with cHRM; what
says nothing is sRGB; a profile that makes no sense, or is of another kind than the pixels, counts
as none.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from app.frames import RGB
from app.sources.bmff import Cicp

Curve = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
Chromaticities = tuple[float, float, float, float, float, float, float, float]  # red to white

PQ, HLG = 16, 18
# Nits of white in a graphic (ITU-R BT.2408): the white of an SDR picture.
_WHITE_NITS = 203.0
_HLG_PEAK_NITS = 1000.0
# Brighter than this share of SDR white, HDR is compressed.
_KNEE = 0.75

_D65 = (0.3127, 0.3290)
_BT709: Chromaticities = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
# ITU-T H.273, table 2.
_PRIMARIES: Mapping[int, Chromaticities] = {
    1: _BT709,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_BAND = 1 << 20  # pixels that are worked on at a time, to bound the memory
# 16-bit steps of linear light are finer than sRGB's 8 bits everywhere.
_STEPS = 65535


def by_profile(image: Image.Image, profile: bytes) -> RGB | None:
    """`image` (L, RGB, CMYK or LAB) in sRGB; None where the profile does not fit or says nonsense.

    Pixels whose profile is sRGB, by what it does, are given as they are.
    """
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = own.profile.xcolor_space.strip()
        if image.mode == "L" and space == "RGB":
            image = image.convert("RGB")
        elif image.mode == "RGB" and space == "GRAY" and _is_grey(image):
            image = image.convert("L")  # AVIF and WebP are decoded to RGB
        if space != {"L": "GRAY"}.get(image.mode, image.mode).upper():
            return None
        transform = ImageCms.buildTransform(own, _srgb(), image.mode, "RGB")
        if image.mode == "RGB" and _changes_nothing(transform):
            return np.asarray(image)
        return np.asarray(ImageCms.applyTransform(image, transform))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return None


def lab_to_rgb(image: Image.Image) -> RGB:
    """A LAB picture in sRGB."""
    lab = ImageCms.createProfile("LAB")
    return np.asarray(ImageCms.profileToProfile(image, lab, _srgb(), outputMode="RGB"))


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = image.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = np.array([0, 32, 64, 96, 128, 160, 192, 224, 255], np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(27, 27, 3)
    changed = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform))
    return bool(np.abs(changed.astype(int) - grid).max() <= 1)


def is_srgb(cicp: Cicp) -> bool:
    """Whether the pixels may be shown as they are.

    The curves of SD and HD television count as sRGB's, as in all viewers.
    """
    return _PRIMARIES.get(cicp.primaries, _BT709) == _BT709 and cicp.transfer not in _CURVES


def is_hdr(cicp: Cicp) -> bool:
    return cicp.transfer in (PQ, HLG)


def by_cicp(values: npt.NDArray[Any], cicp: Cicp) -> RGB:
    """uint8 or uint16 (H, W, 3) in sRGB, uint8 (H, W, 3). HDR is tone-mapped.

    SDR white (203 nits) becomes white; up to `_KNEE` of it the light stays as it is, and what is
    brighter is compressed as far as this picture needs, with the hue kept.
    """
    primaries = _PRIMARIES.get(cicp.primaries, _BT709)
    curve = _CURVES.get(cicp.transfer, _srgb_curve)
    return _converted(values, curve, primaries, opto_optical=cicp.transfer == HLG, hdr=is_hdr(cicp))


def by_gamma(values: RGB, gamma: float, chromaticities: Chromaticities | None) -> RGB:
    """By a PNG's gAMA (1/2.2 is 0.45455) and cHRM. What is sRGB within rounding stays as it is."""
    primaries = chromaticities or _BT709
    near = np.abs(np.subtract(primaries, _BT709)).max() < 0.005
    if not 0.05 < gamma < 5 or min(primaries[1::2]) <= 0 or (near and abs(gamma - 0.45455) < 0.01):
        return values
    try:
        return _converted(values, lambda coded: coded ** (1 / gamma), primaries)
    except np.linalg.LinAlgError:
        return values  # primaries on one line


def _converted(
    values: npt.NDArray[Any],
    curve: Curve,
    primaries: Chromaticities,
    *,
    opto_optical: bool = False,
    hdr: bool = False,
) -> RGB:
    most = np.iinfo(values.dtype).max
    to_linear = curve(np.arange(most + 1) / most).astype(np.float32)
    matrix = (np.linalg.inv(_to_xyz(_BT709)) @ _to_xyz(primaries)).astype(np.float32)
    weights = _to_xyz(primaries)[1].astype(np.float32)
    coded = np.clip(np.rint(_to_srgb(np.arange(_STEPS + 1) / _STEPS) * 255), 0, 255)
    to_srgb = coded.astype(np.uint8)

    def light(rows: slice) -> npt.NDArray[np.float32]:
        linear: npt.NDArray[np.float32] = to_linear[values[rows]]
        if opto_optical:
            # BT.2100: from the scene's light to that of a screen of 1000 nits.
            scene = np.maximum(linear @ weights, 1e-6)[..., None]
            linear = linear * scene**0.2 * np.float32(_HLG_PEAK_NITS / _WHITE_NITS)
        return linear

    step = max(1, _BAND // max(1, values.shape[1]))
    bands = [slice(top, top + step) for top in range(0, values.shape[0], step)]
    peak = max((float(light(rows).max(initial=0)) for rows in bands), default=0.0) if hdr else 0.0
    rgb = np.empty((*values.shape[:2], 3), np.uint8)
    for rows in bands:
        linear = light(rows)
        if peak > 1.0:
            linear = linear * _compression(linear.max(axis=2), peak)[..., None]
        linear = linear @ matrix.T
        rgb[rows] = to_srgb[np.rint(np.clip(linear, 0, 1) * _STEPS).astype(np.uint16)]
    return rgb


def _compression(brightest: npt.NDArray[np.float32], peak: float) -> npt.NDArray[np.float32]:
    """What light is multiplied by, so that `peak` becomes 1; 1 below the knee, without a kink."""
    over = np.maximum(brightest - _KNEE, 0)
    softness = (1 - _KNEE) * (peak - _KNEE) / (peak - 1)
    mapped = np.minimum(brightest, _KNEE) + over / (1 + over / softness)
    return np.asarray(mapped / np.maximum(brightest, 1e-6), np.float32)


def _to_xyz(chromaticities: Chromaticities) -> npt.NDArray[np.float64]:
    """Linear RGB to XYZ, its white adapted to D65."""
    points = np.array(chromaticities).reshape(4, 2)
    xyz = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in points])
    scale = np.linalg.solve(xyz[:3].T, xyz[3])
    own = xyz[:3].T * scale
    white = np.array([_D65[0] / _D65[1], 1.0, (1 - sum(_D65)) / _D65[1]])
    cones = (_BRADFORD @ white) / (_BRADFORD @ xyz[3])
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ own)


def _srgb_curve(coded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def _to_srgb(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _pq(coded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SMPTE ST 2084, 1.0 is SDR white."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = coded ** (1 / m2)
    return (
        np.maximum(power - c1, 0) ** (1 / m1)
        / (c2 - c3 * power) ** (1 / m1)
        * (10_000 / _WHITE_NITS)
    )


def _hlg(coded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ARIB STD-B67: the scene's light in [0, 1]."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)


# ITU-T H.273, table 3; those that differ from sRGB to the eye.
_CURVES: Mapping[int, Curve] = {
    4: lambda coded: coded**2.2,
    5: lambda coded: coded**2.8,
    8: lambda coded: coded,
    PQ: _pq,
    17: lambda coded: coded**2.6 * (52.37 / 48),
    HLG: _hlg,
}
