"""MODNet's losses as pure functions (Ke et al., AAAI 2022, sec. 3; code: ZHKKKe/MODNet).

Tensors are float (N, 1, H, W) in [0, 1] unless said otherwise; each loss is one number, the mean
over what it looks at. Where a band is empty, its part is 0: a mean over nothing is no number.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from app.modnet.network import Prediction

# The official trainer's weights of L_s, L_d and L_alpha.
SEMANTIC_WEIGHT, DETAIL_WEIGHT, MATTE_WEIGHT = 10.0, 10.0, 1.0
# How much more the band counts in L_alpha.
BAND_WEIGHT = 4.0
# Of the picture's mean side: the official SOC's width of the band.
SOC_BAND = 0.05

_BLUR_SIGMA = 0.8


class SupervisedLoss(NamedTuple):
    """L_s, L_d, L_alpha as they weigh in, and their sum."""

    semantic: Tensor
    detail: Tensor
    matte: Tensor
    total: Tensor


def gaussian_blur(x: Tensor) -> Tensor:
    """3x3, sigma 0.8, continued by reflection: the official code's G."""
    offsets = torch.arange(-1, 2, dtype=x.dtype, device=x.device)
    line = torch.exp(-(offsets**2) / (2 * _BLUR_SIGMA**2))
    line = line / line.sum()
    kernel = (line[:, None] * line[None, :]).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, groups=x.shape[1])


def semantic_target(alpha: Tensor) -> Tensor:
    """G(alpha): what S is to see, (N, 1, H / 16, W / 16)."""
    small = F.interpolate(alpha, scale_factor=1 / 16, mode="bilinear", align_corners=False)
    return gaussian_blur(small)


def unknown_band(alpha: Tensor, radius: int) -> Tensor:
    """m_d: 1 within `radius` pixels of a pixel that is neither background nor foreground, else 0.

    dilate(alpha) - erode(alpha) > 0 with a square of 2 radius + 1, as the paper draws it. No
    gradient flows through it.
    """
    with torch.no_grad():
        side = 2 * radius + 1
        dilated = F.max_pool2d(alpha, side, stride=1, padding=radius)
        eroded = -F.max_pool2d(-alpha, side, stride=1, padding=radius)
        return (dilated - eroded > 0.05).to(alpha.dtype)


def band_radius(height: int, width: int) -> int:
    """The official SOC's band in pixels, on each side of the edge."""
    return max(1, round(SOC_BAND * (height + width) / 2 / 2))


def semantic_loss(semantic: Tensor, alpha: Tensor) -> Tensor:
    """L_s = 1/2 (s_p - G(alpha_g))^2; semantic: (N, 1, H / 16, W / 16)."""
    return 0.5 * F.mse_loss(semantic, semantic_target(alpha))


def detail_loss(detail: Tensor, alpha: Tensor, band: Tensor) -> Tensor:
    """L_d = m_d |d_p - alpha_g|, mean over the whole picture as in the official trainer."""
    return (band * (detail - alpha).abs()).mean()


def matte_loss(matte: Tensor, alpha: Tensor, band: Tensor, rgb: Tensor) -> Tensor:
    """L_alpha: |alpha_p - alpha_g| and the compositional L_c, each four times more in the band.

    rgb: (N, 3, H, W) in [0, 1]. The official code multiplies the picture normalised to [-1, 1],
    where mid grey weighs nothing and black as much as white; here it is the picture itself.
    """
    weight = 1 + BAND_WEIGHT * band
    error = (matte - alpha).abs()
    composed = (rgb * matte - rgb * alpha).abs()
    return (weight * error).mean() + (weight * composed).mean()


def supervised_loss(
    prediction: Prediction, alpha: Tensor, band: Tensor, rgb: Tensor
) -> SupervisedLoss:
    """10 L_s + 10 L_d + L_alpha."""
    semantic = SEMANTIC_WEIGHT * semantic_loss(prediction.semantic, alpha)
    detail = DETAIL_WEIGHT * detail_loss(prediction.detail, alpha, band)
    matte = MATTE_WEIGHT * matte_loss(prediction.matte, alpha, band, rgb)
    return SupervisedLoss(semantic, detail, matte, semantic + detail + matte)


def evidence_loss(
    prediction: Prediction, alpha: Tensor, evidence: Tensor, band: Tensor, rgb: Tensor
) -> SupervisedLoss:
    """10 L_s + 10 L_d + L_alpha, each pixel by how sure its alpha is.

    evidence: (N, 2, H, W) in [0, 1]; the first channel weighs L_s, the second L_d and L_alpha. All
    ones give `supervised_loss`. So S learns from a hard segmentation, whose edge F and D ignore.
    """
    sure, exact = evidence[:, :1], evidence[:, 1:]
    trusted = F.avg_pool2d(sure, 16)
    difference = prediction.semantic - semantic_target(alpha)
    semantic = SEMANTIC_WEIGHT * 0.5 * (trusted * difference.square()).mean()
    detail = DETAIL_WEIGHT * detail_loss(prediction.detail, alpha, band * exact)
    weight = exact * (1 + BAND_WEIGHT * band)
    error = (prediction.matte - alpha).abs()
    composed = (rgb * prediction.matte - rgb * alpha).abs()
    matte = MATTE_WEIGHT * ((weight * error).mean() + (weight * composed).mean())
    return SupervisedLoss(semantic, detail, matte, semantic + detail + matte)


def temporal_loss(matte: Tensor, alpha: Tensor, evidence: Tensor, frames: int) -> Tensor:
    """mean ((a_t - a_{t-1}) - (g_t - g_{t-1}))^2: the square inside dtSSD.

    Erofeev et al., BMVC 2015, as a loss in Lin et al., WACV 2022. The batch (N, 1, H, W) holds
    sequences of so many frames, one after the other; evidence: (N, 1, H, W), how far each pixel
    counts. 0 where a sequence has one frame.
    """
    if frames < 2:
        return matte.sum() * 0
    shape = (-1, frames, *matte.shape[1:])
    error = (matte - alpha).view(shape)
    sure = evidence.view(shape)
    change = error[:, 1:] - error[:, :-1]
    return (torch.minimum(sure[:, 1:], sure[:, :-1]) * change.square()).mean()


def consistency_loss(
    prediction: Prediction, band: Tensor, *, semantic_scale: float = 1.0
) -> Tensor:
    """L_cons = 1/2 (G(alpha_p) - s_p)^2 + m_d |alpha_p - d_p|; the first part by `semantic_scale`.

    Gradients flow into both sides, as in the official code. The second part is the mean inside
    the band: over the whole picture it would weigh by the band's size.
    """
    semantic = 0.5 * F.mse_loss(semantic_target(prediction.matte), prediction.semantic)
    return semantic_scale * semantic + mean_inside(
        band, (prediction.matte - prediction.detail).abs()
    )


def detail_regulariser(detail: Tensor, teacher_detail: Tensor, band: Tensor) -> Tensor:
    """L_dd = m_d |d_p - d'_p|: D is not to forget the hair while F learns from S."""
    return mean_inside(band, (detail - teacher_detail).abs())


def mean_inside(region: Tensor, values: Tensor) -> Tensor:
    """The mean of `values` where `region` is 1; 0 where it is empty."""
    return (region * values).sum() / region.sum().clamp(min=1)
