"""What every engine promises, and the choice among them."""

import numpy as np
import pytest

from app.engines.base import Engine, EngineSettings, engines
from app.engines.select import open_engine
from app.errors import EngineUnavailable, OptionError, UsageError
from app.frames import Frame
from app.modnet.preprocess import NetworkSize

SMALL = NetworkSize((96, 64))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(weights_file, cache, monkeypatch: pytest.MonkeyPatch) -> EngineSettings:
    monkeypatch.setenv("MATTECAM_CACHE", str(cache))
    return EngineSettings(weights=weights_file, weights_sha256="released", size=SMALL)


def frame(index: int, width: int = 120, height: int = 80) -> Frame:
    rgb = np.random.default_rng(index).integers(0, 256, (height, width, 3), np.uint8)
    return Frame(rgb, index, index / 30)


def all_through(engine: Engine, frames: list[Frame]):
    mattes = []
    for item in frames:
        engine.submit(item)
        mattes += engine.take_ready()
    return [*mattes, *engine.drain()]


@pytest.mark.parametrize("name", engines.names())
class TestEveryEngine:
    def test_each_frame_gives_one_matte_in_order(self, name: str, settings) -> None:
        frames = [frame(index) for index in range(7)]
        with open_engine(name, settings) as (engine, _):
            mattes = all_through(engine, frames)
        assert [m.frame for m in mattes] == frames
        for m in mattes:
            assert m.alpha.dtype == np.float32
            assert m.alpha.min() >= 0
            assert m.alpha.max() <= 1

    def test_the_matte_covers_the_frame_without_the_padding(self, name: str, settings) -> None:
        with open_engine(name, settings) as (engine, _):
            (m,) = all_through(engine, [frame(0, 130, 80)])
        assert m.alpha.shape == (59, 96)

    def test_sizes_may_change_in_mid_stream(self, name: str, settings) -> None:
        sizes = [(120, 80), (80, 120), (120, 80), (1, 1), (33, 200), (300, 40)]
        frames = [frame(i, *size) for i, size in enumerate(sizes)]
        with open_engine(name, settings) as (engine, _):
            mattes = all_through(engine, frames)
        assert [m.frame for m in mattes] == frames

    def test_a_matte_does_not_change_when_the_next_is_made(self, name: str, settings) -> None:
        with open_engine(name, settings) as (engine, _):
            first = all_through(engine, [frame(0)])[0]
            kept = first.alpha.copy()
            all_through(engine, [frame(i) for i in range(1, 5)])
        assert (first.alpha == kept).all()

    def test_the_same_frame_gives_the_same_matte(self, name: str, settings) -> None:
        with open_engine(name, settings) as (engine, _):
            mattes = all_through(engine, [frame(3), frame(4), frame(3)])
        assert np.allclose(mattes[0].alpha, mattes[2].alpha, atol=1e-6)

    def test_it_says_what_it_runs_on(self, name: str, settings) -> None:
        with open_engine(name, settings) as (engine, info):
            engine.prepare((120, 80))
        assert info.engine == name
        assert info.device
        assert info.device_name
        assert info.precision in ("float32", "bfloat16", "float16", "int8")

    def test_what_it_runs_on_is_among_its_devices(self, name: str, settings) -> None:
        with open_engine(name, settings) as (engine, info):
            there = engine.devices()
        assert info.device in there or not there

    def test_it_can_be_left_with_frames_in_flight(self, name: str, settings) -> None:
        with open_engine(name, settings) as (engine, _):
            engine.submit(frame(0))
            engine.submit(frame(1))


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_float32_agrees_with_onnx_runtime(name: str, settings, weights_file) -> None:
    import onnxruntime
    from skimage import data

    from app.modnet.preprocess import fit, grid_for

    rgb = np.ascontiguousarray(data.astronaut()[:288])
    exact = EngineSettings(
        weights=weights_file,
        weights_sha256="released",
        size=NetworkSize((512, 288)),
        precision="float32",
        device="cpu",
    )
    with open_engine(name, exact) as (engine, _):
        (m,) = all_through(engine, [Frame(rgb, 0, 0.0)])
    grid = grid_for((512, 288), exact.size)
    picture = np.empty((288, 512, 3), np.uint8)
    fit(rgb, grid, picture)
    blob = (picture.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
    session = onnxruntime.InferenceSession(str(weights_file), providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: blob})[0][0, 0]
    difference = np.abs(m.alpha - expected)
    assert difference.mean() < 2e-4
    assert difference[2:-2, 2:-2].max() < 1e-2


def test_openvino_never_imports_torch_and_a_second_start_does_not_convert(
    weights_file, tmp_path
) -> None:
    import os
    import subprocess
    import sys

    script = (
        "import logging, sys\n"
        "from pathlib import Path\n"
        "from app.engines.base import EngineSettings\n"
        "from app.engines.select import open_engine\n"
        "from app.modnet.preprocess import NetworkSize\n"
        "logging.basicConfig(level=logging.INFO)\n"
        f"settings = EngineSettings(Path({str(weights_file)!r}), 'x', size=NetworkSize((96, 64)))\n"
        "with open_engine('openvino', settings) as (engine, info):\n"
        "    engine.prepare((96, 64))\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = {**os.environ, "MATTECAM_CACHE": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        for _ in range(2)
    ]
    assert "converting" in said[0]
    assert "converting" not in said[1]


def test_an_engine_asked_for_by_name_is_never_replaced(settings) -> None:
    from dataclasses import replace

    with (
        pytest.raises(EngineUnavailable, match="mps"),
        open_engine("torch", replace(settings, device="mps")),
    ):
        pass
    with (
        pytest.raises(EngineUnavailable, match="npu"),
        open_engine("openvino", replace(settings, device="npu")),
    ):
        pass


def test_a_device_asked_for_is_never_replaced_by_another(settings) -> None:
    from dataclasses import replace

    with (
        pytest.raises(EngineUnavailable, match="cuda"),
        open_engine("auto", replace(settings, device="cuda")),
    ):
        pass


def test_auto_takes_the_next_and_says_so(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.engines import select
    from app.engines.openvino_engine import OpenVINOEngine

    monkeypatch.setattr(select, "_nvidia_driver", lambda: True)
    with open_engine("auto", settings) as (engine, info):
        assert isinstance(engine, OpenVINOEngine)
    assert "torch is passed over" in info.note
    assert "cuda" in info.note


def test_unknown_engines_and_devices_are_refused_with_those_there_are(settings) -> None:
    from dataclasses import replace

    with pytest.raises(OptionError, match="openvino"), open_engine("tensorrt", settings):
        pass
    with (
        pytest.raises(UsageError, match="cpu"),
        open_engine("auto", replace(settings, device="toaster")),
    ):
        pass
