"""The network fitted to one scene: the person before one room, as one camera sees them.

S looks at each whole picture, as ever. D and F, three quarters of the work, take two things from
what was seen before:

- the statistics of their instance norms, which hardly change while the scene stays. Known before,
  they leave a scale and a shift of each channel, and no pass over a map to find them. Taken from
  the scene itself they cost next to nothing of the matte; averaged over other people's pictures
  they cost 5 to 30% (app/modnet/statistics.py);
- where the person is: D and F say how the edge runs, so only a range of columns is worked on.

`Surveying` is the exact network, which says besides what its norms see; `InScene` is the fitted
one. When to survey, and which columns, app/subject/scene.py decides.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.modnet.inference import InferenceMODNet, OpenNorm, PackedInstanceNorm, ScaleAndShift
from app.modnet.network import IBNorm, MODNet
from app.modnet.preprocess import BLOCK

_BRANCHES = ("hr_branch.", "conv_lr4x.", "conv_f2x.", "tail.")


def open_norms(network: MODNet) -> None:
    """D's and F's instance norms become `OpenNorm`s, in place: made for `InScene`."""
    for name, module in network.named_modules():
        if isinstance(module, IBNorm) and name.startswith(("hr_branch.", "f_branch.")):
            setattr(module, "inorm", OpenNorm())  # noqa: B010


class Surveying(nn.Module):
    """Maps a picture to alpha, S's prediction and what D's and F's norms see; changes `network`.

    network: with exact norms. The picture is float (1, 3, H, W) in [-1, 1]. Alpha is (1, 1, H, W),
    the prediction (1, 1, H / 16, W / 16). What the norms see is (2, C): the mean and the mean
    square of each channel of all of them, in the order of `InScene`.
    """

    def __init__(self, network: InferenceMODNet) -> None:
        super().__init__()
        self.network = network
        self._norms = []
        for name, module in list(network.named_modules()):
            norm = isinstance(module, (nn.InstanceNorm2d, PackedInstanceNorm))
            if norm and name.startswith(_BRANCHES):
                surveyed = _SurveyedNorm(module)
                owner, _, own = name.rpartition(".")
                setattr(network.get_submodule(owner), own, surveyed)
                self._norms.append(surveyed)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        enc2x, enc4x, lr8x = self.network.features(image)
        alpha = self.network.alpha(image, enc2x, enc4x, lr8x)
        seen = torch.cat([norm.moments() for norm in self._norms], dim=1)
        return alpha, self.network.semantic(lr8x), seen


class InScene(nn.Module):
    """Maps a picture to alpha in a range of its columns, and S's prediction.

    network: of a MODNet with `open_norms`. image: float (1, 3, H, W) in [-1, 1]. piece: the range's
    columns of it, (1, 3, H, w), w a multiple of BLOCK. blocks: which blocks of columns these are,
    integers (w / BLOCK,). affine: (2, C), what the norms' channels are multiplied by, and what is
    added then. Alpha is (1, 1, H, w), the prediction (1, 1, H / 16, W / 16).
    """

    def __init__(self, network: InferenceMODNet) -> None:
        super().__init__()
        self.network = network
        self._norms = [m for m in network.modules() if isinstance(m, ScaleAndShift)]
        self.channels = sum(norm.channels for norm in self._norms)

    def forward(
        self, image: Tensor, piece: Tensor, blocks: Tensor, affine: Tensor
    ) -> tuple[Tensor, Tensor]:
        at = 0
        for norm in self._norms:
            norm.affine = affine[:, at : at + norm.channels]
            at += norm.channels
        enc2x, enc4x, lr8x = self.network.features(image)
        alpha = self.network.alpha(
            piece, _picked(enc2x, blocks, 2), _picked(enc4x, blocks, 4), _picked(lr8x, blocks, 8)
        )
        return alpha, self.network.semantic(lr8x)


class _SurveyedNorm(nn.Module):
    """A norm, and what it saw."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        self._packed = isinstance(norm, PackedInstanceNorm)
        self._seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self._seen = x
        return cast(Tensor, self.norm(x))

    def moments(self) -> Tensor:
        """(2, channels): the mean and the mean square of what came."""
        assert self._seen is not None
        # Pooled first, which runtimes do without turning the map about. Sides are multiples of 8.
        both = (self._seen, self._seen * self._seen)
        moments = torch.cat([F.avg_pool2d(x, 8).mean(dim=(2, 3)) for x in both])
        # The four packed channels of one are four pixels of it.
        return moments.reshape(2, -1, 4).mean(dim=2) if self._packed else moments


def _picked(features: Tensor, blocks: Tensor, scale: int) -> Tensor:
    """These blocks of columns of features (1, C, H, W) at 1 / `scale`, side by side.

    A block's columns are picked as one: runtimes then copy hundreds of bytes at a time, not two.
    """
    _, channels, height, width = features.shape
    each = BLOCK // scale
    rows = features.permute(0, 2, 3, 1).reshape(1, height, width // each, each * channels)
    picked = rows.index_select(2, blocks)
    return picked.reshape(1, height, -1, channels).permute(0, 3, 1, 2)
