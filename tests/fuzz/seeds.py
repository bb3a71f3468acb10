"""Small valid files of each kind, to damage."""

from __future__ import annotations

import fractions
import functools
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Sequence

import av
import numpy as np
import safetensors.torch
import torch
from onnx import helper, numpy_helper
from PIL import Image
from torch import nn

from app import places
from app.settings import LiveSettings

SPECS = (
    "blur:25", "blur", "image:beach.jpg,fit=contain", "color:#00b140", "color:red", "transparent",
    "video:waves.mp4", "camera:0", "camera:name=x,width=640", "screen", "demo", "file:a.mp4,fps=3",
    "virtual-camera", "pipewire", "memory", "512x288", "auto", "~nobody/x", "a\0b", "x" * 300,
    "steady", "ofd", "off", "match:0.5", "wrap", "edge:grow=1.5,contrast=1e999",
    "keep-inside:a.png", "persons:1", "clean-plate:a.png", "1e999", "nan", "-1", "9" * 400,
    "\N{BYTE ORDER MARK}blur",
)  # fmt: skip


def _state() -> dict[str, torch.Tensor]:
    part = nn.Conv2d(2, 3, 1)
    names = ("backbone.model.features.0.0", "f_branch.conv_f.0.layers.0", "hr_branch.tohr.layers.0")
    own = part.state_dict().items()
    return {f"{name}.{key}": one.clone() for name in names for key, one in own}


def _saved(content: object, *, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def weight_files() -> Sequence[bytes]:
    state = _state()
    wrapped = {
        "state_dict": {f"model.{key}": one for key, one in state.items()},
        "at": np.float64(1),
    }
    script = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, that the format has a successor
        torch.jit.save(torch.jit.trace(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 4, 4)), script)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/own.ckpt", _saved(state))
    tensors = [numpy_helper.from_array(one.numpy(), key) for key, one in state.items()]
    nodes = [
        helper.make_node("Constant", [], ["c"], value=tensors[0]),
        helper.make_node("Conv", ["x", "c"], ["y"]),
        helper.make_node("Identity", ["c"], ["d"]),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    tensors[1].data_location = 1
    tensors[1].external_data.add(key="location", value="own.ckpt")
    onnx = helper.make_model(helper.make_graph(nodes, "g", [], [], tensors))
    return (
        *safetensors_files(), _saved(wrapped), _saved(state, zipped=False), script.getvalue(),
        packed.getvalue(), onnx.SerializeToString(), _saved(nn.Conv2d(1, 1, 1)),
    )  # fmt: skip


def safetensors_files() -> Sequence[bytes]:
    metadata = {"title": "A", "parent": "b", "history": '{"kind": "soc", "frames": 3}'}
    reaches = {"conv": torch.tensor([-1.0, 2.0]), "norm": torch.ones(2, 3)}
    return (
        safetensors.torch.save(_state(), metadata),
        safetensors.torch.save(reaches, {"weights_sha256": "0" * 64, "pictures": "3"}),
    )


def manifest() -> Sequence[bytes]:
    return (places.manifest().read_bytes(),)


def history() -> Sequence[bytes]:
    return (json.dumps({"kind": "soc", "date": "2026-01-01", "frames": 3, "steps": 9}).encode(),)


def settings() -> Sequence[bytes]:
    plain = LiveSettings()
    full = plain.but(steps=("persons:1",), outputs=("virtual-camera",), zoom=2, size="512x288")
    texts = [json.dumps(one.model_dump(mode="json")) for one in (plain, full)]
    return tuple(text.encode() for text in texts)


def training_config() -> Sequence[bytes]:
    return (
        b'out = "run"\nsteps = 10\nrate = 1e-3\nweights = "modnet-photographic"\n'
        b'[soc]\nclips = ["a.mp4", "~nobody/b"]\nshare = 1.0\n[augment]\nflip = 0.5\n',
    )


def specs() -> Sequence[bytes]:
    return tuple(spec.encode() for spec in SPECS)


def pictures() -> Sequence[bytes]:
    ramp = np.arange(24 * 32 * 3, dtype=np.uint32).reshape(24, 32, 3).astype(np.uint8)
    picture = Image.fromarray(ramp)
    exif = Image.Exif()
    exif[0x0112] = 6
    made = []
    for kind, options in (
        ("PNG", {}), ("JPEG", {"exif": exif}), ("WEBP", {"lossless": True}), ("GIF", {}),
        ("BMP", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {}), ("AVIF", {}),
        ("GIF", {"save_all": True, "append_images": [picture.rotate(90)]}),
        ("PNG", {"save_all": True, "append_images": [picture.rotate(90)]}),
        ("WEBP", {"save_all": True, "append_images": [picture.rotate(90)]}),
    ):  # fmt: skip
        file = io.BytesIO()
        try:
            picture.save(file, kind, **options)
        except (KeyError, OSError):  # this Pillow cannot write the format
            continue
        made.append(file.getvalue())
    return made


def _clip(form: str, codec: str, sound: str | None) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        video = container.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = (
            32,
            32,
            "yuvj420p" if codec == "mjpeg" else "yuv420p",
        )
        audio = container.add_stream(sound, rate=48_000) if sound else None
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), index * 40, np.uint8), "rgb24")
            frame.pts, frame.time_base = index, fractions.Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
            samples.sample_rate, samples.pts = 48_000, 0
            container.mux(audio.encode(samples))
            container.mux(audio.encode())
    return file.getvalue()


def clips() -> Sequence[bytes]:
    made = [
        _clip("mp4", "libx264", "aac"), _clip("webm", "libvpx-vp9", "libopus"),
        _clip("matroska", "libx264", None), _clip("mpegts", "libx264", "aac"),
        _clip("avi", "mjpeg", None),
    ]  # fmt: skip
    wav = io.BytesIO()
    with av.open(wav, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        tone.sample_rate = 8000
        container.mux(stream.encode(tone))
    return (*made, wav.getvalue())


def json_lines() -> Sequence[bytes]:
    return (
        b'{"step": 3, "of": 10, "loss": 0.25}\n{"kept": true, "path": "a\\u00e4"}\nDone.\n',
        b'{"a": [[[{}]]]}\n\xff\xfe\n',
    )


_SEEDS: dict[str, Callable[[], Sequence[bytes]]] = {
    "weights": weight_files, "weights_list": safetensors_files, "beside_weights": safetensors_files,
    "manifest": manifest, "history": history, "settings": settings,
    "training_config": training_config, "specs": specs, "pictures": pictures, "clips": clips,
    "json_lines": json_lines,
}  # fmt: skip


@functools.cache
def of(target: str) -> tuple[bytes, ...]:
    return tuple(_SEEDS[target]())
