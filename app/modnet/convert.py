"""From a weights file to the formats of other runtimes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from app.modnet import eight_bit as rounded
from app.modnet import statistics as norms
from app.modnet import weights
from app.modnet.inference import for_inference


def to_openvino(
    source: Path,
    target: Path,
    *,
    statistics: Path | None = None,
    eight_bit: Path | None = None,
) -> None:
    """Writes OpenVINO's form of the network to `target` (.xml, with a .bin beside it).

    Its input is uint8 RGB (1, H, W, 3), H and W free multiples of 32; normalisation is inside. Its
    output is alpha, float32 (1, 1, H, W) in [0, 1]. float32 throughout: the runtime lowers the
    precision where the device gains from it, and computes in integers what `eight_bit` rounds.
    `statistics` and `eight_bit`, of which one may be given, as in EngineSettings. Raises what
    `weights.load` raises, and OSError.
    """
    import openvino
    from openvino.preprocess import ColorFormat, PrePostProcessor

    original = weights.load(source).network
    if eight_bit is not None:
        network: nn.Module = rounded.in_8_bits(original, rounded.load(eight_bit))
    else:
        fixed = norms.load(statistics) if statistics is not None else None
        network = for_inference(original, fixed)
    with warnings.catch_warnings():
        # torch's tracer warns of shapes taken as constants; none of them depends on the picture.
        warnings.simplefilter("ignore")
        model = openvino.convert_model(
            network, example_input=torch.zeros(1, 3, 64, 96), input=[1, 3, -1, -1]
        )
    prepare = PrePostProcessor(model)
    picture = prepare.input()
    picture.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    picture.tensor().set_color_format(ColorFormat.RGB)
    picture.preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(127.5)
    picture.model().set_layout(openvino.Layout("NCHW"))
    prepare.output().tensor().set_element_type(openvino.Type.f32)
    openvino.save_model(prepare.build(), target, compress_to_fp16=False)
