"""MODNet with the official layout of keys, and both context blocks.

Three branches (Ke et al., AAAI 2022, sec. 3): S finds the person at low resolution, D finds the
details at high resolution, F fuses both into alpha. The released code and weights have a
squeeze-and-excitation block where the paper describes e-ASPP; `context_block` chooses.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.modnet.backbone import Backbone, backbones

ContextBlock = Literal["se", "easpp"]

HR_CHANNELS = 32


class Prediction(NamedTuple):
    """What the training path gives; each float in [0, 1], one channel.

    semantic: (N, 1, H/16, W/16), the S branch's s_p.
    detail:   (N, 1, H, W), the D branch's d_p.
    matte:    (N, 1, H, W), the F branch's alpha_p.
    """

    semantic: Tensor
    detail: Tensor
    matte: Tensor


class IBNorm(nn.Module):
    """Half of the channels through batch norm, the other half through instance norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bnorm_channels = channels // 2
        self.inorm_channels = channels - self.bnorm_channels
        self.bnorm = nn.BatchNorm2d(self.bnorm_channels, affine=True)
        self.inorm = nn.InstanceNorm2d(self.inorm_channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, instance = torch.split(x, [self.bnorm_channels, self.inorm_channels], dim=1)
        return torch.cat((self.bnorm(batch), self.inorm(instance)), dim=1)


class ConvIBNormRelu(nn.Module):
    """Convolution, optionally IBNorm, optionally ReLU. Keys: `layers.0`, `layers.1`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        norm: bool = True,
        relu: bool = True,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2)
        ]
        if norm:
            layers.append(IBNorm(out_channels))
        if relu:
            layers.append(nn.ReLU(inplace=True))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.layers(x))


class SEBlock(nn.Module):
    """Squeeze-and-excitation (Hu et al., CVPR 2018): what the released models have."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.shape
        weights = cast(Tensor, self.fc(self.pool(x).view(n, c)))
        return x * weights.view(n, c, 1, 1)


class EASPP(nn.Module):
    """Efficient atrous spatial pyramid pooling (MODNet, sec. 3.2).

    ASPP with three changes: each atrous convolution is depthwise, with the pointwise half shared;
    the fusion over dilation rates comes first and is per channel, the mixing of channels after
    it; and the input is cut to a quarter of its channels before, and widened again behind.
    """

    RATES = (1, 3, 6, 12)

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        inner = channels // reduction
        self.reduce = ConvIBNormRelu(channels, inner, 1)
        self.atrous = nn.ModuleList(
            nn.Conv2d(inner, inner, 3, padding=rate, dilation=rate, groups=inner, bias=False)
            for rate in self.RATES
        )
        # One weight per channel and rate: gathers each channel over the rates.
        self.gather = nn.Conv2d(inner * len(self.RATES), inner, 1, groups=inner, bias=False)
        self.mix = ConvIBNormRelu(inner, inner, 1)
        # Without a norm: instance norm would level out how strongly each channel speaks here.
        self.widen = ConvIBNormRelu(inner, channels, 1, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.reduce(x)
        n, c, h, w = reduced.shape
        scales = torch.stack([conv(reduced) for conv in self.atrous], dim=2)
        gathered = self.gather(scales.reshape(n, c * len(self.RATES), h, w))
        return cast(Tensor, self.widen(self.mix(gathered)))


def _resize(x: Tensor, scale: float) -> Tensor:
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


class LRBranch(nn.Module):
    """S: semantics at low resolution."""

    def __init__(self, backbone: Backbone, context_block: ContextBlock) -> None:
        super().__init__()
        channels = backbone.channels
        self.backbone = backbone
        self.context_block = context_block
        if context_block == "se":
            self.se_block = SEBlock(channels[4])
        else:
            self.easpp = EASPP(channels[4])
        self.conv_lr16x = ConvIBNormRelu(channels[4], channels[3], 5)
        self.conv_lr8x = ConvIBNormRelu(channels[3], channels[2], 5)
        self.conv_lr = ConvIBNormRelu(channels[2], 1, 3, stride=2, norm=False, relu=False)

    @property
    def context(self) -> nn.Module:
        return self.se_block if self.context_block == "se" else self.easpp

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """-> features at 1/8 of S, at 1/2 and at 1/4 of the backbone."""
        enc2x, enc4x, _, _, enc32x = self.backbone(image)
        lr16x = self.conv_lr16x(_resize(self.context(enc32x), 2))
        lr8x = self.conv_lr8x(_resize(lr16x, 2))
        return lr8x, enc2x, enc4x

    def semantic(self, lr8x: Tensor) -> Tensor:
        return torch.sigmoid(cast(Tensor, self.conv_lr(lr8x)))


class HRBranch(nn.Module):
    """D: details at high resolution."""

    def __init__(self, hr_channels: int, backbone_channels: tuple[int, ...]) -> None:
        super().__init__()
        hr = hr_channels
        self.tohr_enc2x = ConvIBNormRelu(backbone_channels[0], hr, 1)
        self.conv_enc2x = ConvIBNormRelu(hr + 3, hr, 3, stride=2)
        self.tohr_enc4x = ConvIBNormRelu(backbone_channels[1], hr, 1)
        self.conv_enc4x = ConvIBNormRelu(2 * hr, 2 * hr, 3)
        self.conv_hr4x = nn.Sequential(
            ConvIBNormRelu(2 * hr + backbone_channels[2] + 3, 2 * hr, 3),
            ConvIBNormRelu(2 * hr, 2 * hr, 3),
            ConvIBNormRelu(2 * hr, hr, 3),
        )
        self.conv_hr2x = nn.Sequential(
            ConvIBNormRelu(2 * hr, 2 * hr, 3),
            ConvIBNormRelu(2 * hr, hr, 3),
            ConvIBNormRelu(hr, hr, 3),
            ConvIBNormRelu(hr, hr, 3),
        )
        self.conv_hr = nn.Sequential(
            ConvIBNormRelu(hr + 3, hr, 3),
            ConvIBNormRelu(hr, 1, 1, norm=False, relu=False),
        )

    def forward(self, image: Tensor, enc2x: Tensor, enc4x: Tensor, lr8x: Tensor) -> Tensor:
        """-> D's features at 1/2."""
        image2x = _resize(image, 0.5)
        image4x = _resize(image, 0.25)
        enc2x = self.tohr_enc2x(enc2x)
        hr4x = self.conv_enc2x(torch.cat((image2x, enc2x), dim=1))
        enc4x = self.tohr_enc4x(enc4x)
        hr4x = self.conv_enc4x(torch.cat((hr4x, enc4x), dim=1))
        lr4x = _resize(lr8x, 2)
        hr4x = self.conv_hr4x(torch.cat((hr4x, lr4x, image4x), dim=1))
        hr2x = _resize(hr4x, 2)
        return cast(Tensor, self.conv_hr2x(torch.cat((hr2x, enc2x), dim=1)))

    def detail(self, image: Tensor, hr2x: Tensor) -> Tensor:
        return torch.sigmoid(cast(Tensor, self.conv_hr(torch.cat((_resize(hr2x, 2), image), 1))))


class FusionBranch(nn.Module):
    """F: S and D fused into alpha."""

    def __init__(self, hr_channels: int, backbone_channels: tuple[int, ...]) -> None:
        super().__init__()
        hr = hr_channels
        self.conv_lr4x = ConvIBNormRelu(backbone_channels[2], hr, 5)
        self.conv_f2x = ConvIBNormRelu(2 * hr, hr, 3)
        self.conv_f = nn.Sequential(
            ConvIBNormRelu(hr + 3, hr // 2, 3),
            ConvIBNormRelu(hr // 2, 1, 1, norm=False, relu=False),
        )

    def forward(self, image: Tensor, lr8x: Tensor, hr2x: Tensor) -> Tensor:
        lr4x = self.conv_lr4x(_resize(lr8x, 2))
        f2x = self.conv_f2x(torch.cat((_resize(lr4x, 2), hr2x), dim=1))
        f = self.conv_f(torch.cat((_resize(f2x, 2), image), dim=1))
        return torch.sigmoid(cast(Tensor, f))


class MODNet(nn.Module):
    """The whole network.

    Input: float (N, 3, H, W), RGB normalised to [-1, 1], H and W multiples of 32.
    `forward` gives alpha (N, 1, H, W) in [0, 1] and skips the training heads;
    `predict_all` gives all three branches' predictions.
    """

    def __init__(
        self,
        *,
        backbone: str = "mobilenet_v2",
        context_block: ContextBlock = "se",
        hr_channels: int = HR_CHANNELS,
    ) -> None:
        super().__init__()
        self.backbone_name = backbone
        self.context_block: ContextBlock = context_block
        encoder = backbones.create(backbone)
        self.backbone = encoder
        # The backbone hangs under two names here because it does so in the official checkpoints.
        self.lr_branch = LRBranch(encoder, context_block)
        self.hr_branch = HRBranch(hr_channels, encoder.channels)
        self.f_branch = FusionBranch(hr_channels, encoder.channels)
        self._initialise()

    def _initialise(self) -> None:
        """Kaiming for convolutions, ones and zeros for norms: the official code's choice."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=0, mode="fan_in", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)

    @property
    def device(self) -> torch.device:
        """Where it lies: what it is given has to lie there, too."""
        return next(self.parameters()).device

    def forward(self, image: Tensor) -> Tensor:
        lr8x, enc2x, enc4x = self.lr_branch(image)
        hr2x = self.hr_branch(image, enc2x, enc4x, lr8x)
        return cast(Tensor, self.f_branch(image, lr8x, hr2x))

    def predict_all(self, image: Tensor) -> Prediction:
        lr8x, enc2x, enc4x = self.lr_branch(image)
        hr2x = self.hr_branch(image, enc2x, enc4x, lr8x)
        return Prediction(
            semantic=self.lr_branch.semantic(lr8x),
            detail=self.hr_branch.detail(image, hr2x),
            matte=cast(Tensor, self.f_branch(image, lr8x, hr2x)),
        )
