"""What is fed with damaged input: each takes bytes and an empty folder, and returns or raises.

Promised of each: a result or a MattecamError.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

Target = Callable[[bytes, Path], object]


def _file(content: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def weights(content: bytes, folder: Path) -> object:
    from app.modnet.weights import load

    return load(_file(content, folder, "own.ckpt"))


def weights_list(content: bytes, folder: Path) -> object:
    from app.weights import store

    os.environ["MATTECAM_WEIGHTS"] = str(folder)
    _file(content, folder, "own.safetensors")
    return [str(line) for line in store.status()]


def beside_weights(content: bytes, folder: Path) -> object:
    from app.errors import MattecamError
    from app.modnet import beside_file, eight_bit, statistics
    from app.weights import beside

    os.environ["MATTECAM_WEIGHTS"] = str(folder)
    path = _file(content, folder, "own.int8")
    beside.find(".int8", "0" * 64)
    for load in (eight_bit.load, statistics.load, lambda p: beside_file.load(p, remedy="x")):
        try:
            load(path)
        except MattecamError:
            continue
    return None


def manifest(content: bytes, folder: Path) -> object:
    from app.weights.manifest import read

    return read(_file(content, folder, "manifest.toml"))


def history(content: bytes, folder: Path) -> object:
    from app.weights.history import read

    return str(read({"parent": "a", "history": content.decode("utf-8", "surrogateescape")}))


def settings(content: bytes, folder: Path) -> object:
    from app.settings import live_settings_file

    file = live_settings_file(_file(content, folder, "live.json"))
    loaded = file.load()
    file.save(loaded.settings)
    assert file.load().settings == loaded.settings
    return loaded.notes


def training_config(content: bytes, folder: Path) -> object:
    from app.training.config import read

    return read(_file(content, folder, "train.toml"))


def specs(content: bytes, folder: Path) -> object:
    from app.backgrounds.base import backgrounds, create_background
    from app.errors import MattecamError
    from app.light.base import light_touches
    from app.matte_steps.base import matte_steps
    from app.modnet.preprocess import NetworkSize
    from app.outputs.live_base import create_live_output
    from app.refine.edge import edge_tools
    from app.settings import LiveSettings
    from app.sources.live_base import create_live_source
    from app.temporal.base import temporal_filters
    from app.weights import store

    os.chdir(folder)
    text = content.decode("utf-8", "surrogateescape")
    registries = (backgrounds, light_touches, matte_steps, edge_tools, temporal_filters)
    makers: list[Callable[[str], object]] = [one.create_from_spec for one in registries]
    makers += [create_background, create_live_source, create_live_output]
    makers += [NetworkSize.parse, store.resolve]
    makers += [lambda text: LiveSettings().but(size=text, quality=text)]
    for make in makers:
        try:
            make(text)
        except MattecamError:
            continue
    return None


def _media(content: bytes, folder: Path, name: str) -> object:
    from app.errors import MattecamError
    from app.sources.open import open_source

    path = _file(content, folder, name)
    try:
        with open_source(str(path)) as source:
            for count, _frame in enumerate(source):
                if count == 8:
                    break
    except MattecamError:
        pass
    return _as_background(path)


def _as_background(path: Path) -> object:
    from app.backgrounds.base import create_background
    from app.frames import Cutout, Frame

    background = create_background(str(path))
    background.open()
    try:
        rgb = np.zeros((32, 48, 3), np.uint8)
        return background.render(Cutout(Frame(rgb, 0, 0.0), np.zeros((32, 48), np.uint8), rgb))
    finally:
        background.close()


def pictures(content: bytes, folder: Path) -> object:
    return _media(content, folder, "me.png")


def clips(content: bytes, folder: Path) -> object:
    return _media(content, folder, "me.mp4")


def json_lines(content: bytes, folder: Path) -> object:
    from app.system.json_lines import Lines

    lines = Lines()
    half = len(content) // 2
    return [*lines.feed(content[:half]), *lines.feed(content[half:]), *lines.feed(b"\n")]


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        weights, weights_list, beside_weights, manifest, history, settings, training_config, specs,
        pictures, clips, json_lines,
    )
}  # fmt: skip
