"""The network compiled for one shape of its inputs each, and the requests that run it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engines import processor
from app.engines.openvino_conversion import Converted
from app.errors import EngineError, MattecamError
from app.frames import RGB
from app.modnet.preprocess import BLOCK, Grid
from app.runtime.job import Cancelled
from app.runtime.memory import find_trim
from app.system.openvino_import import import_openvino

log = logging.getLogger(__name__)


class Kind(Enum):
    PLAIN = "plain"
    SURVEY = "survey"  # with what the norms see
    SCENE = "scene"


# Compiled networks kept ready. A folder of pictures may bring many sizes; each takes some 60 MB.
_KEPT = {Kind.PLAIN: 3, Kind.SURVEY: 2, Kind.SCENE: 1}


@dataclass(frozen=True)
class Form:
    """grid: of the picture. width: of the range of columns, in a scene."""

    grid: Grid
    kind: Kind = Kind.PLAIN
    width: int = 0


@dataclass
class CalledBack:
    """Whether OpenVINO called back.

    It does so a moment before the request counts as done: asking the request then would say no, and
    nobody would ask again. Apart from the request, which the callback must not keep alive.
    """

    up: bool = False


@dataclass
class Request:
    """One of OpenVINO's infer requests with the inputs that it reads from, shared with it."""

    handle: Any
    picture: RGB  # uint8 (1, H, W, 3)
    piece_blocks_affine: Sequence[Any] = ()  # of `InScene`, where it is one of those
    called_back: CalledBack = field(default_factory=CalledBack)

    def start(self) -> None:
        self.called_back.up = False
        self.handle.start_async()

    @property
    def is_done(self) -> bool:
        return self.called_back.up or bool(self.handle.wait_for(0))

    def output(self, index: int = 0) -> NDArray[np.float32]:
        """Of a request that is done; shared with it, so only until it starts again."""
        data: NDArray[np.float32] = self.handle.get_output_tensor(index).data
        return data


class Compiled:
    """A form, ready to run."""

    def __init__(self, network: Any, on_ready: Callable[[CalledBack], None]) -> None:
        self._network = network
        self._on_ready = on_ready
        self._idle: list[Request] = []

    def request(self) -> Request:
        return self._idle.pop() if self._idle else self._new()

    def give_back(self, request: Request) -> None:
        self._idle.append(request)

    def prepare(self, count: int) -> None:
        """Makes so many requests, so that no frame waits for one."""
        while len(self._idle) < count:
            self._idle.append(self._new())

    def warm_up(self, count: int) -> None:
        """Runs so many requests at once, on what they hold."""
        self.prepare(count)
        for request in self._idle[:count]:
            request.start()
        for request in self._idle[:count]:
            request.handle.wait()

    def _new(self) -> Request:
        openvino = import_openvino()

        inputs: list[Any] = []
        handle = self._network.create_infer_request()
        types = {"u8": np.uint8, "i64": np.int64, "f32": np.float32}
        for at, port in enumerate(self._network.inputs):
            array = np.zeros(list(port.shape), types[port.element_type.get_type_name()])
            handle.set_input_tensor(at, openvino.Tensor(array, shared_memory=True))
            inputs.append(array)
        request = Request(handle, inputs[0], inputs[1:])
        handle.set_callback(self._on_ready, request.called_back)
        return request


class Forms:
    """Compiles forms, now or in a thread of its own, and keeps the last ones.

    device: as OpenVINO calls it. options: to compile with. on_ready: called, from any thread, when
    a request is done.
    """

    def __init__(
        self,
        core: Any,
        device: str,
        options: dict[str, Any],
        converted: Converted,
        on_ready: Callable[[CalledBack], None],
    ) -> None:
        self._core = core
        self._device = device
        self._options = options
        self._converted = converted
        self._on_ready = on_ready
        self._there: dict[Kind, OrderedDict[Form, Compiled]] = {
            kind: OrderedDict() for kind in Kind
        }
        self._worker: threading.Thread | None = None
        self._made: Any = None  # (form, compiled or None), by `_work`
        self._gave_up = False
        self._trim = find_trim()  # compiling leaves tens of megabytes in its thread's arena

    def get(self, form: Form) -> Compiled:
        """Compiles it now, where it is not there yet. Raises EngineError."""
        compiled = self._kept(form)
        return compiled if compiled is not None else self._keep(form, self._compile(form))

    def get_soon(self, form: Form, *, wait: bool) -> Compiled | None:
        """None as long as it is not there; then a thread compiles it, one form at a time.

        wait: compile it now, in this thread. Where one fails there are no more, and the log says
        why. That thread goes as fast as the frames do: were it nicer, so would be the threads that
        OpenVINO starts in it, for good.
        """
        if self._worker is not None and not self._worker.is_alive():
            self._worker = None
            self._take_made(form)
        compiled = self._kept(form)
        if compiled is not None or self._gave_up or self._worker is not None:
            return compiled
        if wait:
            self._make_room(form.kind)
            self._work(form)
            self._take_made(form)
            return self._kept(form)
        self._worker = threading.Thread(
            target=self._work, args=(form,), name="compile", daemon=True
        )
        self._worker.start()
        return None

    @property
    def can_fit_at_once(self) -> bool:
        """Whether a network for scenes only has to be compiled, which takes a second at most."""
        return self._converted.has_for_scenes

    def _take_made(self, wanted: Form) -> None:
        (form, made), self._made = self._made, None
        if made is None:
            self._gave_up = True
        elif form == wanted or self._kept(wanted) is None:
            self._keep(form, made)  # else it comes too late, and would push out what is in use

    def close(self) -> None:
        if self._worker is not None:
            self._converted.stop()
            self._worker.join()
        for there in self._there.values():
            there.clear()

    def _work(self, form: Form) -> None:
        made: Compiled | None = None
        try:
            with contextlib.suppress(Cancelled):
                made = self._compile(form)
        except MattecamError as error:
            log.warning("The network goes on unfitted: %s", error)
        finally:
            self._made = form, made
            self._trim()

    def _kept(self, form: Form) -> Compiled | None:
        there = self._there[form.kind]
        if form in there:
            there.move_to_end(form)
        return there.get(form)

    def _keep(self, form: Form, compiled: Compiled) -> Compiled:
        self._make_room(form.kind)
        self._there[form.kind][form] = compiled
        return compiled

    def _make_room(self, kind: Kind) -> None:
        there = self._there[kind]
        while len(there) >= _KEPT[kind]:
            there.popitem(last=False)

    def _compile(self, form: Form) -> Compiled:
        # A person has many widths, of 13 MB each: compiled for a scene it is not kept.
        kept = form.kind is not Kind.SCENE and self._device_exports
        network = self._from_cache(form) if kept else None
        if network is None:
            try:
                network = self._core.compile_model(self._model(form), self._device, self._options)
            except RuntimeError as error:
                raise EngineError(
                    f"OpenVINO cannot compile the network for {self._device.lower()} at "
                    f"{form.grid}: {_last_line(error)}"
                ) from error
            if kept:
                self._into_cache(form, network)
        return Compiled(network, self._on_ready)

    def _from_cache(self, form: Form) -> Any:
        name, key = self._name_and_key(form)
        cache = self._converted.cache
        content = cache.read(name, key=key)
        if content is None:
            return None
        try:
            # As bytes: OpenVINO 2026.4 crashes where a tensor is imported and let go.
            return self._core.import_model(content, self._device, self._options)
        except RuntimeError as error:
            log.warning("The network is compiled again: %s", _last_line(error))
            cache.delete(name)
            return None

    def _into_cache(self, form: Form, network: Any) -> None:
        name, key = self._name_and_key(form)
        content = io.BytesIO()
        try:
            network.export_model(content)
        except RuntimeError as error:
            log.info("the compiled network cannot be kept: %s", _last_line(error))
            return
        self._converted.cache.write(name, [content.getbuffer()], key=key)

    def _name_and_key(self, form: Form) -> tuple[str, str]:
        """Of a compiled form in the cache: of this very device, these options, this version."""
        device = str(self._core.get_property(self._device, "FULL_DEVICE_NAME"))
        facts: list[object] = [device, os.cpu_count(), form, sorted(self._options.items())]
        if self._device == "CPU":
            name, flags = processor.name_and_flags()
            facts += [name, sorted(flags)]
        key = repr(facts)
        width, height = form.grid.padded
        short = hashlib.sha256(key.encode()).hexdigest()[:12]
        return f"{form.kind.value}-{width}x{height}-{short}.compiled", key

    @property
    def _device_exports(self) -> bool:
        can = self._core.get_property(self._device, "OPTIMIZATION_CAPABILITIES")
        return "EXPORT_IMPORT" in can

    def _model(self, form: Form) -> Any:
        openvino = import_openvino()

        width, height = form.grid.padded
        picture = [1, height, width, 3]
        if form.kind is Kind.SCENE:
            model = self._converted.for_scenes(self._core)
            image, piece, blocks, _affine = model.inputs
            part = [1, height, form.width, 3]
            model.reshape({image: picture, piece: part, blocks: [form.width // BLOCK]})
            return model
        model = self._converted.whole(self._core)
        model.reshape(picture)
        if form.kind is Kind.PLAIN:
            # What nobody asks for is not computed.
            model = openvino.Model(model.outputs[:1], model.get_parameters())
        return model


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]
