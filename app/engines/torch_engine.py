"""torch: the network on NVIDIA, Apple and Intel GPUs, and the reference on any CPU."""

from __future__ import annotations

import importlib.util
import platform
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from typing_extensions import Self

from app.engines.base import Engine, EngineInfo, EngineSettings, engines
from app.errors import EngineError, EngineUnavailable
from app.frames import Frame, Matte
from app.modnet.preprocess import Grid, crop, fit_frame, grid_for

# torch takes seconds to import, and this module is imported to list the engines: functions import
# it when the engine is opened.
if TYPE_CHECKING:
    import torch
    from torch import Tensor

_PRECISIONS = ("float32", "bfloat16", "float16")
# Slots kept ready, by grid: a folder of pictures may bring many sizes, each costs memory.
_KEPT_GRIDS = 3
# Runs before CUDA's graph is captured; torch's own documentation takes three.
_WARM_UPS = 3


@dataclass(eq=False)
class _Slot:
    """What one frame in flight needs, made once for a grid and used again and again.

    picture: uint8 (1, H, W, 3) in host memory, and alpha: float32 (H, W) there; pinned for CUDA,
    where the copies then run beside the computation. run: goes from the one to the other, and on
    CUDA returns before it is done. done: says when it is; None where `run` waits.
    """

    picture: Tensor
    alpha: Tensor
    run: Callable[[], None]
    done: torch.cuda.Event | None


@dataclass(eq=False)
class _InFlight:
    frame: Frame
    grid: Grid
    slot: _Slot
    idle: list[_Slot]  # where the slot goes back to


@engines.register("torch", title="PyTorch")
class TorchEngine(Engine):
    """PyTorch: CUDA, Apple's MPS, Intel's XPU, and any CPU.

    A picture goes up once, as bytes. On CUDA each slot has a stream of its own, so that one frame
    is copied while another is computed, and the network is one captured graph: launching its two
    hundred kernels one by one takes longer than they do.
    """

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._network: Callable[[Tensor], Tensor] | None = None
        self._info: EngineInfo | None = None
        self._device: torch.device
        self._dtype: torch.dtype
        self._format: torch.memory_format
        self._slots: OrderedDict[Grid, list[_Slot]] = OrderedDict()
        self._in_flight: deque[_InFlight] = deque()
        self._ready: list[Matte] = []

    @staticmethod
    def unavailable_because() -> str | None:
        if importlib.util.find_spec("torch") is None:
            return "The torch package is not installed: pip install -r requirements.txt"
        return None

    @staticmethod
    def devices() -> Sequence[str]:
        # Without the numbers of several of one kind.
        return tuple(device for device in _available_devices() if ":" not in device)

    def __enter__(self) -> Self:
        import torch

        from app.modnet import statistics, weights
        from app.modnet.inference import for_inference

        self._device = pick_device(self.settings.device)
        precision = _pick_precision(self._device, self.settings.precision)
        self._dtype = getattr(torch, precision)
        # Channels-last is what tensor cores and the CPU's bfloat16 kernels read; the CPU's
        # float32 convolutions block the channels themselves and only lose by it.
        lean = self._device.type in ("cuda", "xpu") or self._dtype is not torch.float32
        self._format = torch.channels_last if lean else torch.contiguous_format
        stored = self.settings.statistics
        fixed = statistics.load(stored) if stored is not None else None
        self.opening.check()
        network = for_inference(weights.load(self.weights).network, fixed)
        self.opening.check()
        try:
            network = network.to(  # type: ignore[call-overload]
                device=self._device, dtype=self._dtype, memory_format=self._format
            )
        except RuntimeError as error:
            raise EngineUnavailable(
                f"The network does not fit on {self._device}: {_first_line(error)}"
            ) from error
        self._network = torch.compile(network) if self.settings.compile else network
        name = _device_name(self._device)
        self._info = EngineInfo(
            "torch", str(self._device), name, precision, norms=self.settings.norms
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pending in self._in_flight:
            if pending.slot.done is not None:
                pending.slot.done.synchronize()
        self._in_flight.clear()
        self._ready.clear()
        self._slots.clear()
        self._network = None
        if self._device.type == "cuda":
            import torch

            torch.cuda.empty_cache()

    @property
    def info(self) -> EngineInfo:
        if self._info is None:
            raise EngineError("The torch engine is not open.")
        return self._info

    def prepare(self, frame_size: tuple[int, int]) -> None:
        self._slots_of(grid_for(frame_size, self.settings.size))

    def submit(self, frame: Frame) -> None:
        grid = grid_for(frame.size, self.settings.size)
        idle = self._slots_of(grid)
        while len(self._in_flight) >= self.settings.in_flight or not idle:
            self._finish_oldest()
        slot = idle.pop()
        fit_frame(frame, grid, slot.picture[0].numpy())
        self._in_flight.append(_InFlight(frame, grid, slot, idle))
        with self._told(grid):
            slot.run()

    def _slots_of(self, grid: Grid) -> list[_Slot]:
        """The slots of this grid that are idle; made now where it is new."""
        idle = self._slots.get(grid)
        if idle is not None:
            self._slots.move_to_end(grid)
            return idle
        while len(self._slots) >= _KEPT_GRIDS:
            self._slots.popitem(last=False)
        with self._told(grid):
            made = [self._make_slot(grid) for _ in range(self.settings.in_flight)]
        self._slots[grid] = made
        return made

    def _make_slot(self, grid: Grid) -> _Slot:
        import torch

        on_cuda = self._device.type == "cuda"
        width, height = grid.padded
        picture = torch.zeros((1, height, width, 3), dtype=torch.uint8, pin_memory=on_cuda)
        alpha = torch.zeros((height, width), dtype=torch.float32, pin_memory=on_cuda)
        if not on_cuda:
            # The very steps that CUDA captures, one after the other.
            there, back = self._places_on_device(picture, alpha)

            def run() -> None:
                there.copy_(picture)
                self._compute(there, back)
                alpha.copy_(back)

            run()  # compiles, and takes what memory it needs
            return _Slot(picture, alpha, run, None)
        return self._make_cuda_slot(picture, alpha)

    def _places_on_device(self, picture: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        return picture.to(self._device, copy=True), alpha.to(self._device, copy=True)

    def _compute(self, picture: Tensor, alpha: Tensor) -> None:
        """From uint8 (1, H, W, 3) to float32 (H, W), both on the device, in place."""
        import torch

        if self._network is None:
            raise EngineError("The torch engine is not open.")
        with torch.inference_mode():
            x = picture.permute(0, 3, 1, 2).to(self._dtype) / 127.5 - 1
            alpha.copy_(self._network(x.contiguous(memory_format=self._format))[0, 0])

    def _make_cuda_slot(self, picture: Tensor, alpha: Tensor) -> _Slot:
        import torch

        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(stream):
            there, back = self._places_on_device(picture, alpha)
            # cuDNN chooses its kernels in the first runs, which a graph must not hold.
            for _ in range(_WARM_UPS):
                self._compute(there, back)
        stream.synchronize()
        with torch.cuda.graph(graph, stream=stream):
            self._compute(there, back)

        def run() -> None:
            with torch.cuda.stream(stream):
                there.copy_(picture, non_blocking=True)
                graph.replay()
                alpha.copy_(back, non_blocking=True)
                done.record(stream)

        return _Slot(picture, alpha, run, done)

    @contextmanager
    def _told(self, grid: Grid) -> Iterator[None]:
        """What torch raises, as a sentence."""
        try:
            yield
        except RuntimeError as error:
            raise EngineError(
                f"The network failed on {self._device} at {grid}: {_first_line(error)} "
                "A smaller --size, or --device cpu, may help."
            ) from error

    def _finish_oldest(self) -> None:
        oldest = self._in_flight.popleft()
        if oldest.slot.done is not None:
            oldest.slot.done.synchronize()
        # A copy: the slot's memory is the next frame's.
        self._ready.append(Matte(oldest.frame, crop(oldest.slot.alpha.numpy(), oldest.grid)))
        oldest.idle.append(oldest.slot)

    def take_ready(self) -> Sequence[Matte]:
        while self._in_flight:
            done = self._in_flight[0].slot.done
            if done is not None and not done.query():  # type: ignore[no-untyped-call]
                break
            self._finish_oldest()
        ready, self._ready = self._ready, []
        return ready

    def drain(self) -> Sequence[Matte]:
        while self._in_flight:
            self._finish_oldest()
        return self.take_ready()


def _available_devices() -> list[str]:
    import torch

    found = []
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.xpu.is_available():
        found.append("xpu")
    return [*found, "cpu"]


def pick_device(wanted: str) -> torch.device:
    """`auto` is the best that is there. Raises EngineUnavailable."""
    import torch

    there = _available_devices()
    if wanted == "auto":
        return torch.device(there[0])
    if wanted not in there:
        hint = ""
        if wanted.startswith("cuda") and torch.version.cuda is None:
            hint = " This torch was built without CUDA; the README says how to get the other one."
        raise EngineUnavailable(
            f"torch finds no device {wanted!r} here; it finds {', '.join(there)}.{hint}"
        )
    return torch.device(wanted)


def _pick_precision(device: torch.device, wanted: str) -> str:
    import torch

    if wanted != "auto":
        if wanted not in _PRECISIONS:
            raise EngineUnavailable(f"torch has no precision {wanted!r}: {', '.join(_PRECISIONS)}.")
        return wanted
    if device.type == "cuda":
        return "float16"
    if device.type == "xpu":
        return "bfloat16"
    # On a CPU bfloat16 gains only where tiles multiply it (AMX). MPS: not measured, so exact.
    if device.type == "cpu" and torch.cpu._is_amx_tile_supported():
        return "bfloat16"
    return "float32"


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "xpu":
        return str(torch.xpu.get_device_name(device))
    cpu = Path("/proc/cpuinfo")
    if cpu.is_file():
        for line in cpu.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
