"""torch: the network on NVIDIA, Apple and Intel GPUs, and the reference on any CPU."""

from __future__ import annotations

import importlib.util
import platform
from collections import deque
from collections.abc import Sequence
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
    from torch import Tensor, nn

_PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass
class _InFlight:
    frame: Frame
    grid: Grid
    alpha: Tensor  # (padded height, padded width) float32 in host memory, maybe not yet written
    done: torch.cuda.Event | None


@engines.register("torch", title="PyTorch")
class TorchEngine(Engine):
    """PyTorch: CUDA, Apple's MPS, Intel's XPU, and any CPU."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._network: nn.Module | None = None
        self._info: EngineInfo | None = None
        self._device: torch.device
        self._dtype: torch.dtype
        self._format: torch.memory_format
        self._in_flight: deque[_InFlight] = deque()
        self._ready: list[Matte] = []

    @staticmethod
    def unavailable_because() -> str | None:
        if importlib.util.find_spec("torch") is None:
            return "The torch package is not installed: pip install -r requirements.txt"
        return None

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
        network = for_inference(weights.load(self.weights).network, fixed)
        try:
            self._network = network.to(  # type: ignore[call-overload]
                device=self._device, dtype=self._dtype, memory_format=self._format
            )
        except RuntimeError as error:
            raise EngineUnavailable(
                f"The network does not fit on {self._device}: {_first_line(error)}"
            ) from error
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
        self._in_flight.clear()
        self._ready.clear()
        self._network = None
        if self._device.type == "cuda":
            import torch

            torch.cuda.empty_cache()

    @property
    def info(self) -> EngineInfo:
        if self._info is None:
            raise EngineError("The torch engine is not open.")
        return self._info

    def submit(self, frame: Frame) -> None:
        while len(self._in_flight) >= self.settings.in_flight:
            self._finish_oldest()
        grid = grid_for(frame.size, self.settings.size)
        self._in_flight.append(self._start(frame, grid))

    def _start(self, frame: Frame, grid: Grid) -> _InFlight:
        import torch

        if self._network is None:
            raise EngineError("The torch engine is not open.")
        on_cuda = self._device.type == "cuda"
        width, height = grid.padded
        # Pinned memory lets the copies to and from the GPU run beside the computation.
        picture = torch.empty((1, height, width, 3), dtype=torch.uint8, pin_memory=on_cuda)
        fit_frame(frame, grid, picture[0].numpy())
        try:
            with torch.inference_mode():
                x = picture.to(self._device, non_blocking=on_cuda).permute(0, 3, 1, 2)
                x = (x.to(self._dtype) / 127.5 - 1).contiguous(memory_format=self._format)
                result = self._network(x)[0, 0].float()
                if not on_cuda:
                    return _InFlight(frame, grid, result.cpu(), None)
                alpha = torch.empty(result.shape, dtype=torch.float32, pin_memory=True)
                alpha.copy_(result, non_blocking=True)
                done = torch.cuda.Event()  # type: ignore[no-untyped-call]
                done.record(torch.cuda.current_stream(self._device))
                return _InFlight(frame, grid, alpha, done)
        except RuntimeError as error:
            raise EngineError(
                f"The network failed on {self._device}: {_first_line(error)} "
                "A smaller --size, or --device cpu, may help."
            ) from error

    def _finish_oldest(self) -> None:
        oldest = self._in_flight.popleft()
        if oldest.done is not None:
            oldest.done.synchronize()
        self._ready.append(Matte(oldest.frame, crop(oldest.alpha.numpy(), oldest.grid)))

    def take_ready(self) -> Sequence[Matte]:
        while self._in_flight:
            done = self._in_flight[0].done
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
