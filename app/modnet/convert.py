"""From a weights file to the formats of other runtimes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from app.modnet import eight_bit as rounded
from app.modnet import statistics as norms
from app.modnet import weights
from app.modnet.inference import InferenceMODNet, for_inference
from app.modnet.network import MODNet
from app.modnet.preprocess import BLOCK
from app.modnet.scene import InScene, Surveying, open_norms
from app.system.openvino_import import import_openvino


def to_openvino(
    source: Path, *, statistics: Path | None = None, eight_bit: Path | None = None
) -> Any:
    """OpenVINO's form of the network, an openvino.Model.

    Its input is uint8 RGB (1, H, W, 3), H and W free multiples of 32; normalisation is inside. Its
    first output is alpha, float32 (1, 1, H, W) in [0, 1]; with exact norms there follow S's
    prediction and what the norms see (see `Surveying`). float32 throughout: the runtime lowers the
    precision where the device gains from it, and computes in integers what `eight_bit` rounds.
    `statistics` and `eight_bit`, of which one may be given, as in EngineSettings. Raises what
    `weights.load` raises.
    """
    original = weights.load(source).network
    picture = [torch.zeros(1, 3, 64, 96)], [[1, 3, -1, -1]]
    if statistics is not None:
        return _converted(for_inference(original, norms.load(statistics)), *picture)
    return _converted(Surveying(_rewritten(original, eight_bit)), *picture)


def scene_to_openvino(source: Path, *, eight_bit: Path | None = None) -> Any:
    """The network that is fitted to a scene (see `InScene`), as of `to_openvino`.

    Its two pictures are uint8 RGB, (1, H, W, 3) and (1, H, w, 3).
    """
    original = weights.load(source).network
    open_norms(original)
    inside = InScene(_rewritten(original, eight_bit))
    examples = [
        torch.zeros(1, 3, 64, 96),
        torch.zeros(1, 3, 64, 2 * BLOCK),
        torch.arange(2),
        torch.ones(2, inside.channels),
    ]
    return _converted(
        inside, examples, [[1, 3, -1, -1], [1, 3, -1, -1], [-1], [2, inside.channels]]
    )


def _rewritten(network: MODNet, eight_bit: Path | None) -> InferenceMODNet:
    if eight_bit is None:
        return for_inference(network)
    return rounded.in_8_bits(network, rounded.load(eight_bit))


def _converted(
    network: nn.Module,
    examples: Sequence[torch.Tensor],
    shapes: Sequence[Sequence[int]],
) -> Any:
    """shapes: of the inputs, -1 where free. Inputs with four dimensions become uint8 pictures."""
    openvino = import_openvino()

    convert: Callable[..., Any] = openvino.convert_model
    with warnings.catch_warnings():
        # torch's tracer warns of shapes taken as constants; none of them depends on the picture.
        warnings.simplefilter("ignore")
        model = convert(network, example_input=tuple(examples), input=[list(s) for s in shapes])
    prepare = openvino.preprocess.PrePostProcessor(model)
    for at, shape in enumerate(shapes):
        if len(shape) != 4:
            continue
        picture = prepare.input(at)
        picture.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        picture.tensor().set_color_format(openvino.preprocess.ColorFormat.RGB)
        picture.preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(127.5)
        picture.model().set_layout(openvino.Layout("NCHW"))
    for at in range(len(model.outputs)):
        prepare.output(at).tensor().set_element_type(openvino.Type.f32)
    return prepare.build()
