"""How torch's engine works on a GPU, proven where there is none: in float32, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.engines.base import EngineSettings
from app.engines.torch_engine import TorchEngine, _Slot
from app.errors import EngineError
from app.frames import Frame
from app.modnet.preprocess import NetworkSize, grid_for

SIZE = (96, 64)


@pytest.fixture
def settings(weights_file: Path) -> EngineSettings:
    size = NetworkSize(SIZE)
    return EngineSettings(weights_file, "x", device="cpu", precision="float32", size=size)


def frame(index: int) -> Frame:
    rgb = np.random.default_rng(index).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    return Frame(rgb, index, index / 30)


def mattes_of(engine: TorchEngine, frames: list[Frame]) -> list[np.ndarray]:
    mattes = []
    for each in frames:
        engine.submit(each)
        mattes += engine.take_ready()
    mattes += engine.drain()
    assert [matte.frame for matte in mattes] == frames
    return [matte.alpha for matte in mattes]


class _Done:
    """A GPU's event: what was asked for happens when somebody waits for it, not before."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], None]] = []

    def query(self) -> bool:
        return not self.asked

    def synchronize(self) -> None:
        while self.asked:
            self.asked.pop(0)()


class _Late(TorchEngine):
    """Its slots return at once and are done late, as a GPU's are."""

    def _make_slot(self, grid) -> _Slot:
        slot = super()._make_slot(grid)
        done, run = _Done(), slot.run
        return _Slot(slot.picture, slot.alpha, lambda: done.asked.append(run), done)


def test_a_slot_that_is_busy_is_not_written_to(settings: EngineSettings) -> None:
    frames = [frame(index) for index in range(5)]
    with TorchEngine(settings) as engine:
        expected = mattes_of(engine, frames)
    with _Late(settings) as late:
        found = mattes_of(late, frames)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_the_same_slots_serve_all_frames(settings: EngineSettings, in_flight: int) -> None:
    with TorchEngine(replace(settings, in_flight=in_flight)) as engine:
        engine.prepare(SIZE)
        grid = grid_for(SIZE, settings.size)
        made = {id(slot) for slot in engine._slots[grid]}
        assert len(made) == in_flight
        mattes_of(engine, [frame(index) for index in range(7)])
        assert {id(slot) for slot in engine._slots[grid]} == made


class _Graph:
    """CUDA's graph: what is computed while it is captured, to be done again."""

    def __init__(self) -> None:
        self.captured: list[tuple[torch.Tensor, torch.Tensor]] = []


class _Stream:
    def wait_stream(self, other: object) -> None: ...

    def synchronize(self) -> None: ...


class _Event:
    def record(self, stream: object) -> None: ...

    def query(self) -> bool:
        return True

    def synchronize(self) -> None: ...


def test_what_cuda_captures_gives_the_same_mattes(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [frame(index) for index in range(3)]
    with TorchEngine(settings) as engine:
        expected = mattes_of(engine, frames)
        compute = engine._compute
        capturing: list[_Graph] = []

        def watched(picture: torch.Tensor, alpha: torch.Tensor) -> None:
            if capturing:  # noted, not done: a capture runs nothing
                capturing[-1].captured.append((picture, alpha))
            else:
                compute(picture, alpha)

        @contextmanager
        def capture(graph: _Graph, stream: object) -> Iterator[None]:
            capturing.append(graph)
            yield
            capturing.pop()

        def replay(graph: _Graph) -> None:
            for picture, alpha in graph.captured:
                compute(picture, alpha)

        monkeypatch.setattr(_Graph, "replay", replay, raising=False)
        monkeypatch.setattr(engine, "_compute", watched)
        for name, fake in {
            "Stream": lambda device: _Stream(),
            "Event": _Event,
            "CUDAGraph": _Graph,
            "graph": capture,
            "stream": lambda stream: nullcontext(),
            "current_stream": lambda device: _Stream(),
        }.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        grid = grid_for(SIZE, settings.size)
        picture = torch.zeros((1, SIZE[1], SIZE[0], 3), dtype=torch.uint8)
        engine._slots[grid] = [engine._make_cuda_slot(picture, torch.zeros((SIZE[1], SIZE[0])))]
        found = mattes_of(engine, frames)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


def test_it_compiles_only_where_that_is_wished(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.nn.Module] = []

    def compile_it(network: torch.nn.Module) -> torch.nn.Module:
        compiled.append(network)
        return network

    monkeypatch.setattr(torch, "compile", compile_it)
    for wished in (False, True):
        with TorchEngine(replace(settings, compile=wished)) as engine:
            mattes_of(engine, [frame(0)])
        assert bool(compiled) is wished


def test_what_torch_cannot_do_is_a_sentence(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(picture: torch.Tensor, alpha: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate much")

    with TorchEngine(settings) as engine:
        monkeypatch.setattr(engine, "_compute", out_of_memory)
        with pytest.raises(EngineError, match=r"out of memory.*smaller --size"):
            engine.submit(frame(0))
