"""Whether an adapted network is better than the one it came from, judged without any truth.

L_cons alone proves nothing: moving the heads lowers it, and it falls while the matte goes astray.
So more is asked on frames that were held out, and on pictures of other people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from app.evaluation import metrics
from app.frames import RGB, Alpha, Frame, Matte
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize
from app.temporal.base import temporal_filters
from app.training import objectives
from app.training.data import as_tensor, size_like
from app.training.validation import alpha_of
from app.training.views import agreed

_T = TypeVar("_T")

# How much larger or smaller the person may become: SOC's cure of a matte that fails changes the
# area by a third; twice as much is another object.
AREA = (0.6, 1.7)
# How much larger than what several looks agree on (views.py). Where SOC goes astray, it takes
# along what stands beside the person; a hand that was missing is there in some of the looks. On
# a composed clip that the model fails on, 4% more was what stood beside the person: MAD doubled.
GROWTH = 1.02
# How much more the person's area may jump from frame to frame.
JUMPS = 1.15
# How much more of the picture may be neither person nor background.
UNCERTAIN = 1.2
# Mean |alpha - the teacher's| on other people's pictures, where there is nothing to cure.
ELSEWHERE = 4e-3
# Of the held-out frames, for what is costly.
_FEW = 8
_PERSON = 0.01  # of the picture: less is nobody
# How much closer to what several looks agree on it must come: less is chance, and a change is a
# risk. Of all signs this one follows the error (docs/adapt.md).
CLOSER = 0.97


@dataclass(frozen=True)
class Signs:
    """What can be seen without truth.

    l_cons: L_cons. flicker: share of pixels, x 1e3, that leave and are back one frame later, at the
    temporal filter's output. area: mean alpha. jumps: mean |change| of the area from frame to
    frame. uncertain: share of pixels between 0.1 and 0.9. elsewhere: see ELSEWHERE.
    apart: mean |alpha - what several looks of the network that is adapted agree on|, x 1e3.
    agreed: the area of that.
    """

    l_cons: float
    flicker: float
    area: float
    jumps: float
    uncertain: float
    elsewhere: float = 0.0
    apart: float = 0.0
    agreed: float = 0.0


class Guard:
    """Looks at networks on the same held-out frames, in a row, and on the same other pictures."""

    def __init__(
        self, held_out: Sequence[RGB], others: Sequence[RGB], size: NetworkSize, temporal: str
    ) -> None:
        self._held_out = held_out
        self._others = others
        self._size = size
        self._temporal = temporal
        self._known: list[Alpha] = []
        self._agreed: list[Alpha] = []

    def remember(
        self, teacher: MODNet, progress: Callable[[float], None] = lambda share: None
    ) -> None:
        """What the unadapted network makes of the other pictures, and in several looks of these."""
        few = self._few(self._held_out)
        self._agreed = []
        for done, rgb in enumerate(few):
            self._agreed.append(agreed(teacher, rgb))
            progress((done + 1) / len(few))
        self._known = [alpha_of(teacher, rgb, self._size) for rgb in self._others]

    def _few(self, frames: Sequence[_T]) -> Sequence[_T]:
        return frames[:: max(1, len(frames) // _FEW)]

    @torch.no_grad()
    def look(self, network: MODNet) -> Signs:
        alphas = [alpha_of(network, rgb, self._size) for rgb in self._held_out]
        areas = [float(alpha.mean()) for alpha in alphas]
        area = sum(areas) / len(areas)
        shown = self._filtered(alphas)
        triples = zip(shown, shown[1:], shown[2:], strict=False)
        flicker = [metrics.flicker(triple) or 0.0 for triple in triples]
        few = self._few(self._held_out)
        tensors = [as_tensor(rgb, size_like(rgb, 384 * 224), network.device) for rgb in few]
        elsewhere = [
            float(np.abs(alpha_of(network, rgb, self._size) - known).mean())
            for rgb, known in zip(self._others, self._known, strict=True)
        ]
        return Signs(
            l_cons=objectives.consistency(network, tensors),
            flicker=sum(flicker) / max(1, len(flicker)),
            area=area,
            jumps=float(np.abs(np.diff(areas)).mean()) if len(areas) > 1 else 0.0,
            uncertain=float(np.mean([((a > 0.1) & (a < 0.9)).mean() for a in alphas])),
            elsewhere=sum(elsewhere) / max(1, len(elsewhere)),
            apart=1e3
            * float(
                np.mean(
                    [
                        np.abs(alpha - known).mean()
                        for alpha, known in zip(self._few(alphas), self._agreed, strict=True)
                    ]
                )
            ),
            agreed=float(np.mean([alpha.mean() for alpha in self._agreed])),
        )

    def _filtered(self, alphas: Sequence[Alpha]) -> list[Alpha]:
        temporal = temporal_filters.create_from_spec(self._temporal)
        mattes = [
            Matte(Frame(rgb, index, index / 25), alpha)
            for index, (rgb, alpha) in enumerate(zip(self._held_out, alphas, strict=True))
        ]
        out = [matte for one in mattes for matte in temporal.push(one)]
        return [matte.alpha for matte in (*out, *temporal.flush())]


def nobody(signs: Signs) -> bool:
    """Whether there is no person in the held-out frames, as far as the network sees."""
    return signs.area < _PERSON


def objection(before: Signs, after: Signs) -> str | None:
    """Why the adapted network is not to be kept, in a sentence; None where it may be."""
    if not after.l_cons < before.l_cons:
        return "Its branches do not agree better on the frames that were held out."
    ratio = after.area / max(before.area, 1e-6)
    if not AREA[0] <= ratio <= AREA[1]:
        return f"The person became {ratio:.1f} times as large, so it follows something else."
    if not after.apart < before.apart * CLOSER:
        return "It came no closer to what the model, looking several times, agrees on."
    if after.area > GROWTH * max(before.area, before.agreed):
        return "It takes for the person what the model, looking several times, leaves out."
    if after.jumps > before.jumps * JUMPS + 1e-4:
        return "The person's outline jumps more from frame to frame."
    if after.uncertain > before.uncertain * UNCERTAIN + 1e-3:
        return "More of the picture is neither person nor background."
    if after.flicker > before.flicker * 1.02 + 0.01:
        return "It flickers more."
    if after.elsewhere > ELSEWHERE:
        return "It would have forgotten how other people look."
    return None


def merit(before: Signs, after: Signs) -> float:
    """Larger is better, among states without an objection: what they gain in each sign."""

    def gain(old: float, new: float) -> float:
        return (old - new) / max(old, 1e-6)

    return (
        gain(before.apart, after.apart)
        + 0.1 * gain(before.uncertain, after.uncertain)
        + 0.1 * gain(before.jumps + 1e-4, after.jumps + 1e-4)
    )
