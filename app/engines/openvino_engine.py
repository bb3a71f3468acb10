"""OpenVINO: the fast way on a CPU, and the way to Intel's GPUs and NPUs.

The torch network is converted once for each weights file; the result lies in the cache with the
compiled form of every grid that was used, so that a later start imports no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import multiprocessing
import os
import shutil
import tempfile
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self

from app import places
from app.engines import processor
from app.engines.base import Engine, EngineInfo, EngineSettings, engines
from app.errors import EngineError, EngineUnavailable, MattecamError
from app.frames import RGB, Frame, Matte
from app.modnet import REVISION
from app.modnet.preprocess import Grid, crop, fit_frame, grid_for

log = logging.getLogger(__name__)

_DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
# A conversion in progress, and when it cannot be that any more, in seconds.
_CONVERTING, _STALE = ".converting-", 3600
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
# In this order, where nothing was asked for.
_FASTEST = ("int8", "bfloat16", "float16", "float32")
# Frames that wait inside where several are computed at once: whoever takes the mattes is busy with
# the last one when the next is done, and a core would stand still for a tenth of the time.
_WAITING = 2
# Compiled networks kept ready: a folder of pictures may bring many sizes, each costs memory.
_KEPT_GRIDS = 3


@dataclass
class _Flag:
    """Whether OpenVINO called back.

    It does so a moment before the request counts as done: asking the request then would say no, and
    nobody would ask again. Apart from the request, which the callback must not keep alive.
    """

    up: bool = False


@dataclass
class _Request:
    """One of OpenVINO's infer requests with the input that it reads from."""

    handle: Any
    picture: RGB  # uint8 (1, H, W, 3), shared with the request
    called_back: _Flag


@dataclass
class _Compiled:
    idle: list[_Request]


@dataclass
class _InFlight:
    frame: Frame
    grid: Grid
    compiled: _Compiled
    request: _Request


@engines.register("openvino", title="OpenVINO")
class OpenVINOEngine(Engine):
    """Intel's runtime; the fastest on any x86 CPU."""

    wakes = True

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._core: Any = None
        self._model_path: Path | None = None
        self._info: EngineInfo | None = None
        self._hint = "f32"
        self._compiled: OrderedDict[Grid, _Compiled] = OrderedDict()
        self._in_flight: deque[_InFlight] = deque()
        self._ready: list[Matte] = []

    @property
    def holds(self) -> int:
        count = self.settings.in_flight
        return count + _WAITING if count > 1 else 1

    @staticmethod
    def unavailable_because() -> str | None:
        if importlib.util.find_spec("openvino") is None:
            return "The openvino package is not installed: pip install -r requirements.txt"
        return None

    @staticmethod
    def devices() -> Sequence[str]:
        import openvino

        return _devices_of(openvino.Core())

    def __enter__(self) -> Self:
        reason = self.unavailable_because()
        if reason is not None:
            raise EngineUnavailable(reason)
        # OpenVINO reports usage home unless it is told not to; nothing leaves the machine here.
        os.environ.setdefault("OPENVINO_TELEMETRY_OPT_OUT", "1")
        import openvino

        self._core = openvino.Core()
        device = self._pick_device()
        precision = self._pick_precision(device)
        name = str(self._core.get_property(device, "FULL_DEVICE_NAME")).strip()
        self._info = EngineInfo(
            "openvino",
            device.lower(),
            name,
            precision,
            norms="exact" if precision == "int8" else self.settings.norms,
        )
        # What is no integer in the 8-bit form, such as the interpolations.
        rest = self._native(device) if precision == "int8" else (precision,)
        self._hint = next(_PRECISIONS[one] for one in _FASTEST if one in rest and one != "int8")
        self._model_path = self._converted()
        self._core.set_property({"CACHE_DIR": str(self._model_path.parent)})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pending in self._in_flight:
            pending.request.handle.wait()
        self._in_flight.clear()
        self._ready.clear()
        self._compiled.clear()
        self._core = None

    @property
    def info(self) -> EngineInfo:
        if self._info is None:
            raise EngineError("The OpenVINO engine is not open.")
        return self._info

    def _pick_device(self) -> str:
        wanted = self.settings.device
        if wanted == "auto":
            return "CPU"
        there = _devices_of(self._core)
        if wanted not in there or wanted not in _DEVICES:
            raise EngineUnavailable(
                f"OpenVINO finds no device {wanted!r} here; it finds {', '.join(there)}."
            )
        return _DEVICES[wanted]

    def _pick_precision(self, device: str) -> str:
        wanted = self.settings.precision
        native = self._native(device)
        if wanted == "auto":
            there = {*native, "int8"} if self._may_be_int8(device) else native
            return next(precision for precision in _FASTEST if precision in there)
        if wanted == "int8":
            # Asked for by name it is used where it runs at all; slower is not wrong.
            if device != "CPU" or self.settings.eight_bit is None:
                raise EngineUnavailable(
                    f"There is nothing in 8-bit integers for {device}: choose --precision float32."
                )
        elif wanted not in native:
            raise EngineUnavailable(
                f"{device} has no native {wanted} arithmetic: choose --precision float32."
            )
        return wanted

    def _native(self, device: str) -> frozenset[str]:
        can = self._core.get_property(device, "OPTIMIZATION_CAPABILITIES")
        native = {"float32"}
        # The CPU plug-in lists BF16 only where the CPU multiplies it natively.
        if "BF16" in can:
            native.add("bfloat16")
        if device != "CPU" and "FP16" in can:
            native.add("float16")
        return frozenset(native)

    def _may_be_int8(self, device: str) -> bool:
        there = self.settings.eight_bit is not None
        return there and device == "CPU" and processor.multiplies_int8()

    def _converted(self) -> Path:
        """The cached OpenVINO form of the weights, made now where it is not there yet."""
        import openvino

        in_8_bits = self.info.precision == "int8"
        form = self.settings.eight_bit if in_8_bits else self.settings.statistics
        parts = (
            self.settings.weights_sha256,
            self.settings.eight_bit_sha256 if in_8_bits else self.settings.statistics_sha256,
            REVISION,
            openvino.__version__,
        )
        key = hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:16]
        folder = places.cache() / "openvino" / key
        path = folder / "modnet.xml"
        if path.is_file():
            return path
        log.info("converting %s for OpenVINO, once", self.weights.name)
        parent = folder.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            clear_left_over(parent)
            partial = Path(tempfile.mkdtemp(prefix=_CONVERTING, dir=parent))
        except OSError as error:
            raise EngineError(
                f"The cache folder {parent} cannot be written ({error.strerror}): make it writable "
                "or name another one in MATTECAM_CACHE."
            ) from error
        try:
            _convert_in_child(self.weights, partial / path.name, form, in_8_bits)
            try:
                partial.rename(folder)
            except OSError:
                # Another process was faster; its result is as good.
                if not path.is_file():
                    raise
        except OSError as error:
            raise EngineError(
                f"The converted network cannot be stored in {parent} ({error.strerror})."
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return path

    def prepare(self, frame_size: tuple[int, int]) -> None:
        self._compile(grid_for(frame_size, self.settings.size))

    def _compile(self, grid: Grid) -> _Compiled:
        compiled = self._compiled.get(grid)
        if compiled is not None:
            self._compiled.move_to_end(grid)
            return compiled
        import numpy as np
        import openvino

        width, height = grid.padded
        shape = [1, height, width, 3]
        model = self._core.read_model(self._model_path)
        model.reshape(shape)
        count = self.settings.in_flight
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY" if count == 1 else "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": self._hint,
        }
        if self.info.device == "cpu":
            options["NUM_STREAMS"] = count
        try:
            network = self._core.compile_model(model, self.info.device.upper(), options)
        except RuntimeError as error:
            raise EngineError(
                f"OpenVINO cannot compile the network for {self.info.device} at {grid}: "
                f"{str(error).strip().splitlines()[-1]}"
            ) from error
        requests = []
        for _ in range(self.holds):
            picture = np.zeros(shape, np.uint8)
            handle = network.create_infer_request()
            handle.set_input_tensor(openvino.Tensor(picture, shared_memory=True))
            called_back = _Flag()
            handle.set_callback(self._tell_ready, called_back)
            requests.append(_Request(handle, picture, called_back))
        while len(self._compiled) >= _KEPT_GRIDS:
            self._compiled.popitem(last=False)
        self._compiled[grid] = compiled = _Compiled(requests)
        return compiled

    def _tell_ready(self, called_back: _Flag) -> None:
        called_back.up = True
        if self.on_ready is not None:
            self.on_ready()

    def submit(self, frame: Frame) -> None:
        grid = grid_for(frame.size, self.settings.size)
        compiled = self._compile(grid)
        while len(self._in_flight) >= self.holds or not compiled.idle:
            self._finish_oldest()
        request = compiled.idle.pop()
        fit_frame(frame, grid, request.picture[0])
        self._in_flight.append(_InFlight(frame, grid, compiled, request))
        request.called_back.up = False
        request.handle.start_async()

    def _finish_oldest(self) -> None:
        oldest = self._in_flight.popleft()
        oldest.request.handle.wait()
        output = oldest.request.handle.get_output_tensor().data
        alpha = crop(output[0, 0], oldest.grid)
        oldest.compiled.idle.append(oldest.request)
        self._ready.append(Matte(oldest.frame, alpha))

    def take_ready(self) -> Sequence[Matte]:
        while self._in_flight and self._is_done(self._in_flight[0].request):
            self._finish_oldest()
        ready, self._ready = self._ready, []
        return ready

    @staticmethod
    def _is_done(request: _Request) -> bool:
        return request.called_back.up or bool(request.handle.wait_for(0))

    def drain(self) -> Sequence[Matte]:
        while self._in_flight:
            self._finish_oldest()
        return self.take_ready()


def _devices_of(core: Any) -> Sequence[str]:
    """Each kind once, as this program calls it."""
    found = (device.split(".")[0].lower() for device in core.available_devices)
    return tuple(dict.fromkeys(found))


def clear_left_over(cache: Path) -> None:
    """Deletes what conversions left that were killed: 26 MB each. One may still run beside us."""
    for partial in cache.glob(f"{_CONVERTING}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime > _STALE:
                shutil.rmtree(partial, ignore_errors=True)


def _convert_in_child(source: Path, target: Path, form: Path | None, in_8_bits: bool) -> None:
    """Converts in a process of its own, so that torch's memory is given back afterwards."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(
        target=_child, args=(theirs, source, target, form, in_8_bits), name="convert weights"
    )
    child.start()
    theirs.close()
    try:
        failure = ours.recv()
    except EOFError:
        failure = EngineError(
            "The weights could not be converted for OpenVINO: the process that does it died. "
            "There may be too little memory; --engine torch does without it."
        )
    finally:
        ours.close()
        child.join()
    if failure is not None:
        raise failure


def _child(
    answer: Connection, source: Path, target: Path, form: Path | None, in_8_bits: bool
) -> None:
    from app.modnet import convert

    try:
        if in_8_bits and form is not None:
            convert.to_openvino(source, target, eight_bit=form)
        else:
            convert.to_openvino(source, target, statistics=form)
    except (MattecamError, OSError) as error:
        answer.send(error)
    except KeyboardInterrupt:
        pass  # the parent got it too, and says so
    else:
        answer.send(None)
