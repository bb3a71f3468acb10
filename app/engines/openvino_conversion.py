"""OpenVINO's form of a weights file: converted once, in a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import os
import shutil
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from app.engines.base import EngineSettings
from app.engines.openvino_cache import (
    CONVERTING,
    ConversionLock,
    NetworkCache,
    cache_folder,
    clear_what_was_left,
)
from app.errors import EngineError, MattecamError
from app.modnet import REVISION
from app.runtime.opening import Opening
from app.system.leaving import end_with_parent
from app.system.openvino_import import import_openvino
from app.system.program import how_it_ended, ignore_terminal, start_worker

log = logging.getLogger(__name__)

# Seconds between two looks at whether a conversion is still wanted.
_LOOK = 0.05
# Seconds that another process's conversion is waited for. It takes 4 to 20.
_PATIENCE = 120.0
# Linux's folder in memory, the last resort for temporary files.
_IN_MEMORY = Path("/dev/shm")
# In front of a network: how many bytes of it are XML; the rest is the weights.
_HEAD = struct.Struct("<Q")
# A conversion takes 500 MB: this process never runs two.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class _Conversion:
    """What a child process is to do. folders: where its files may lie, the best one first."""

    source: Path
    statistics: Path | None
    eight_bit: Path | None
    for_scenes: bool
    folders: Sequence[Path]


class Converted:
    """The networks of one file of weights in OpenVINO's form.

    Each is made when it is first asked for, which takes seconds. `stop` may be called from any
    thread, everything else from one at a time.

    Attributes:
        cache: where they are, and their compiled forms.
    """

    def __init__(
        self,
        weights: Path,
        settings: EngineSettings,
        *,
        in_8_bits: bool,
        opening: Opening | None = None,
    ) -> None:
        self._weights = weights
        self._eight_bit = settings.eight_bit if in_8_bits else None
        self._statistics = None if in_8_bits else settings.statistics
        self._opening = opening or Opening()
        parts = (
            settings.weights_sha256,
            settings.eight_bit_sha256 if in_8_bits else settings.statistics_sha256,
            REVISION,
            import_openvino().__version__,
        )
        key = " ".join(map(str, parts))
        self.cache = NetworkCache(hashlib.sha256(key.encode()).hexdigest()[:16], key)
        clear_what_was_left()

    def stop(self) -> None:
        """A conversion that runs ends now, in Cancelled, and so does any later one."""
        self._opening.cancel()

    def make(self) -> None:
        """Converts the network now, where the cache has no file of it.

        Raises what `whole` raises.
        """
        if not (self.cache.folder / _name(for_scenes=False)).is_file():
            self._content(for_scenes=False)

    def whole(self, core: Any) -> Any:
        """The network as OpenVINO's Model; see `app.modnet.convert.to_openvino`.

        Raises:
            EngineError: it cannot be converted.
            MattecamError: the weights cannot be used.
            Cancelled: it is not wanted any more.
        """
        return self._model(core, for_scenes=False)

    def for_scenes(self, core: Any) -> Any:
        """The one that is fitted; see `app.modnet.convert.scene_to_openvino` and `whole`."""
        return self._model(core, for_scenes=True)

    @property
    def has_for_scenes(self) -> bool:
        """Whether the network for scenes seems to be there; reading it may still say otherwise."""
        return (self.cache.folder / _name(for_scenes=True)).is_file()

    def _model(self, core: Any, *, for_scenes: bool) -> Any:
        content = self._content(for_scenes=for_scenes)
        (length,) = _HEAD.unpack_from(content)
        both = memoryview(content)[_HEAD.size :]
        return core.read_model(bytes(both[:length]), bytes(both[length:]))

    def _content(self, *, for_scenes: bool) -> bytes:
        """Of a file in the cache: the length of the XML, the XML, the weights."""
        name = _name(for_scenes=for_scenes)
        found = self.cache.read(name)
        if found is not None:
            return found
        with self._turn() as lock:
            found = self.cache.read(name)  # another thread or process may have made it
            if found is not None:
                return found
            log.info("converting %s for OpenVINO, once (%s)", self._weights.name, name)
            folders = [cache_folder()] if lock.is_held else []
            conversion = _Conversion(
                self._weights,
                self._statistics,
                self._eight_bit,
                for_scenes,
                (*folders, *_elsewhere()),
            )
            xml, weights = _convert_in_child(conversion, self._opening)
            parts = (_HEAD.pack(len(xml)), xml, weights)
            self.cache.write(name, parts, keep=True)
        return b"".join(parts)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[ConversionLock]:
        """Waits until nobody else converts, in this process or another one."""
        while not _one_at_a_time.acquire(timeout=_LOOK):
            self._opening.check_conversion()
        try:
            lock = ConversionLock()
            until = time.monotonic() + _PATIENCE
            while not lock.try_acquire() and time.monotonic() < until:
                self._opening.check_conversion()
                time.sleep(_LOOK)
            try:
                self._opening.check_conversion()
                yield lock
            finally:
                lock.release()
        finally:
            _one_at_a_time.release()


def _name(*, for_scenes: bool) -> str:
    return "scene.network" if for_scenes else "modnet.network"


def _convert_in_child(conversion: _Conversion, opening: Opening) -> tuple[bytes, bytes]:
    """Converts in a process of its own, so that torch's memory is given back afterwards.

    Gives the XML and the weights. Raises what the conversion raises, and Cancelled.
    """
    context = multiprocessing.get_context("spawn")
    failure: MattecamError | None = None
    ours, theirs = context.Pipe(duplex=False)
    # A daemon: whatever ends this process ends the conversion too.
    child = context.Process(
        target=_child, args=(theirs, conversion), name="convert weights", daemon=True
    )
    _clear_elsewhere()
    try:
        start_worker(child)
        theirs.close()
        while not ours.poll(_LOOK):
            opening.check_conversion()
        failure = ours.recv()
        if failure is None:
            return ours.recv_bytes(), ours.recv_bytes()
    except OSError as error:
        raise EngineError(
            f"The process that converts the weights cannot be started ({error.strerror}): close "
            "other programs, or choose --engine torch."
        ) from error
    except EOFError:
        child.join()
        raise EngineError(
            "The weights could not be converted for OpenVINO: the process that does it "
            f"{how_it_ended(child.exitcode)}. There may be too little memory; --engine torch "
            "does without it."
        ) from None
    finally:
        ours.close()
        if child.pid is not None:
            child.kill()
            child.join()
        _clear_elsewhere()
    assert failure is not None
    raise failure


def _elsewhere() -> Sequence[Path]:
    """Where a conversion puts its temporary files if the cache cannot hold them."""
    found = []
    with contextlib.suppress(OSError):  # no folder for temporary files can be written
        found.append(Path(tempfile.gettempdir()))
    return [*found, _IN_MEMORY] if _IN_MEMORY.is_dir() else found


def _clear_elsewhere() -> None:
    """Deletes what conversions of this process, and of processes that are gone, left elsewhere."""
    for folder in _elsewhere():
        for partial in folder.glob(f"{CONVERTING}mattecam-*"):
            number = partial.name.split("-")[2]
            owner = int(number) if number.isdecimal() else 0
            if owner == os.getpid() or not psutil.pid_exists(owner):
                shutil.rmtree(partial, ignore_errors=True)


def _child(answer: Connection, conversion: _Conversion) -> None:
    """In the child: sends None and two byte strings, or the exception."""
    ignore_terminal()
    from app.modnet import convert

    parent = end_with_parent()
    source, eight_bit = conversion.source, conversion.eight_bit
    try:
        if conversion.for_scenes:
            model = convert.scene_to_openvino(source, eight_bit=eight_bit)
        else:
            model = convert.to_openvino(
                source, statistics=conversion.statistics, eight_bit=eight_bit
            )
        xml, weights = _saved(model, conversion.folders, parent)
    except MattecamError as error:
        _send(answer, error)
    except KeyboardInterrupt:
        pass  # the parent got it too, and says so
    except Exception as error:  # noqa: BLE001 - the parent tells it to the user
        _send(
            answer,
            EngineError(
                "The weights could not be converted for OpenVINO "
                f"({type(error).__name__}: {error}); --engine torch does without it."
            ),
        )
    else:
        _send(answer, None, xml, weights)


def _send(answer: Connection, failure: MattecamError | None, *content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        answer.send(failure)
        for part in content:
            answer.send_bytes(part)


def _saved(model: Any, folders: Sequence[Path], owner: int) -> tuple[bytes, bytes]:
    """OpenVINO writes networks to files only, so one of `folders` must have room for them."""
    openvino = import_openvino()

    reasons = []
    for folder in folders:
        try:
            prefix = f"{CONVERTING}mattecam-{owner}-"
            with tempfile.TemporaryDirectory(prefix=prefix, dir=folder) as partial:
                target = Path(partial) / "network.xml"
                openvino.save_model(model, target, compress_to_fp16=False)
                return target.read_bytes(), target.with_suffix(".bin").read_bytes()
        except (OSError, RuntimeError) as error:  # OpenVINO's word for a disk that is full
            reasons.append(f"{folder}: {error}")
    raise EngineError(
        "The converted network can be stored nowhere, not even for a moment: make room on the "
        f"disk, or name another folder in TMPDIR ({'; '.join(reasons)})."
    )
