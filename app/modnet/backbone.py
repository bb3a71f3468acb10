"""The encoders that MODNet's S branch may stand on.

A backbone turns a normalised picture into five feature maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of
its size. The paper (sec. 4.1) uses MobileNetV2 and says that any other may take its place; a new
one is one class here with `@backbones.register`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from app.registry import Registry


class Backbone(nn.Module):
    """Five feature maps of a picture.

    `forward` takes float (N, 3, H, W), H and W multiples of 32, and returns five tensors
    (N, channels[i], H / 2**(i+1), W / 2**(i+1)).
    """

    channels: tuple[int, int, int, int, int]

    def forward(self, image: Tensor) -> list[Tensor]:
        raise NotImplementedError


backbones: Registry[Backbone] = Registry("backbone")


def _conv_norm(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    return [
        nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(out_channels),
    ]


class InvertedResidual(nn.Module):
    """MobileNetV2's block (Sandler et al., CVPR 2018): expand, depthwise, project."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [*_conv_norm(in_channels, hidden, 1), nn.ReLU6(inplace=True)]
        layers += [*_conv_norm(hidden, hidden, 3, stride, groups=hidden), nn.ReLU6(inplace=True)]
        layers += _conv_norm(hidden, out_channels, 1)
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = cast(Tensor, self.conv(x))
        return x + y if self.residual else y


class _MobileNetV2Layers(nn.Module):
    """Only the `features`, under the names that the official checkpoints use."""

    # expansion, channels, repeats, stride of the first
    _STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [
            nn.Sequential(*_conv_norm(3, 32, 3, 2), nn.ReLU6(inplace=True))
        ]
        channels = 32
        for expansion, out_channels, repeats, stride in self._STAGES:
            for repeat in range(repeats):
                features.append(
                    InvertedResidual(
                        channels,
                        out_channels,
                        stride=stride if repeat == 0 else 1,
                        expansion=expansion,
                    )
                )
                channels = out_channels
        features.append(nn.Sequential(*_conv_norm(channels, 1280, 1), nn.ReLU6(inplace=True)))
        self.features = nn.Sequential(*features)


@backbones.register("mobilenet_v2", title="MobileNetV2")
class MobileNetV2(Backbone):
    """The released models' backbone. Key names are the official ones (`model.features.N...`)."""

    channels = (16, 24, 32, 96, 1280)
    # Which of `features` end the 1/2, 1/4, 1/8, 1/16 and 1/32 stages.
    _ENDS = (2, 4, 7, 14, 19)

    def __init__(self) -> None:
        super().__init__()
        self.model = _MobileNetV2Layers()

    def forward(self, image: Tensor) -> list[Tensor]:
        maps = []
        start, x = 0, image
        for end in self._ENDS:
            x = self.model.features[start:end](x)
            maps.append(x)
            start = end
        return maps


class _BasicBlock(nn.Module):
    """ResNet's two-convolution block (He et al., CVPR 2016)."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *_conv_norm(in_channels, out_channels, 3, stride),
            nn.ReLU(inplace=True),
            *_conv_norm(out_channels, out_channels, 3),
        )
        self.shortcut: nn.Module = (
            nn.Sequential(*_conv_norm(in_channels, out_channels, 1, stride))
            if stride != 1 or in_channels != out_channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(cast(Tensor, self.conv(x)) + cast(Tensor, self.shortcut(x)))


@backbones.register("resnet18", title="ResNet-18")
class ResNet18(Backbone):
    """A heavier encoder with plain convolutions, for training on a GPU; no released weights."""

    channels = (64, 64, 128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_norm(3, 64, 7, 2), nn.ReLU(inplace=True))
        self.stages = nn.ModuleList()
        in_channels = 64
        for out_channels in self.channels[1:]:
            self.stages.append(
                nn.Sequential(
                    _BasicBlock(in_channels, out_channels, stride=2),
                    _BasicBlock(out_channels, out_channels, stride=1),
                )
            )
            in_channels = out_channels

    def forward(self, image: Tensor) -> list[Tensor]:
        maps: list[Tensor] = [self.stem(image)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps
