"""OpenVINO's form of a weights file, converted once and kept on the disk.

Beside it lie the compiled forms of every grid that was used: a later start imports no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import shutil
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from app import places
from app.engines.base import EngineSettings
from app.errors import EngineError, MattecamError
from app.modnet import REVISION
from app.system.openvino_import import import_openvino
from app.system.program import how_it_ended, ignore_terminal, start_worker

log = logging.getLogger(__name__)

# A conversion in progress, and when it cannot be that any more, in seconds.
_CONVERTING, _STALE = ".converting-", 3600


@dataclass(frozen=True)
class _Conversion:
    """What a child process is to do."""

    source: Path
    statistics: Path | None
    eight_bit: Path | None
    for_scenes: bool


class Converted:
    """The networks in OpenVINO's form. Each is made when it is first asked for; it takes seconds.

    One conversion at a time; `stop` may be called from any thread.
    """

    def __init__(self, weights: Path, settings: EngineSettings, *, in_8_bits: bool) -> None:
        openvino = import_openvino()

        self._weights = weights
        self._eight_bit = settings.eight_bit if in_8_bits else None
        self._statistics = None if in_8_bits else settings.statistics
        parts = (
            settings.weights_sha256,
            settings.eight_bit_sha256 if in_8_bits else settings.statistics_sha256,
            REVISION,
            openvino.__version__,
        )
        self._child: BaseProcess | None = None
        self._stopped = False
        key = hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:16]
        self.folder = places.cache() / "openvino" / key

    def whole(self) -> Path:
        """The network; see `app.modnet.convert.to_openvino`. Raises EngineError."""
        return self._made("modnet.xml", for_scenes=False)

    def for_scenes(self) -> Path:
        """The one that is fitted; see `app.modnet.convert.scene_to_openvino`."""
        return self._made("scene.xml", for_scenes=True)

    def stop(self) -> None:
        """From any thread: a conversion that runs ends now, in an EngineError, and any later."""
        self._stopped = True
        child = self._child
        if child is not None:
            child.terminate()

    def _made(self, name: str, *, for_scenes: bool) -> Path:
        path = self.folder / name
        if path.is_file():
            return path
        log.info("converting %s for OpenVINO, once (%s)", self._weights.name, name)
        parent = self.folder.parent
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            clear_left_over(parent)
            partial = Path(tempfile.mkdtemp(prefix=_CONVERTING, dir=parent))
        except OSError as error:
            raise EngineError(
                f"The cache folder {parent} cannot be written ({error.strerror}): make it writable "
                "or name another one in MATTECAM_CACHE."
            ) from error
        try:
            conversion = _Conversion(self._weights, self._statistics, self._eight_bit, for_scenes)
            self._convert_in_child(conversion, partial / name)
            try:
                # The one that is looked for comes last.
                for suffix in (".bin", ".xml"):
                    (partial / name).with_suffix(suffix).replace(path.with_suffix(suffix))
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

    def _convert_in_child(self, conversion: _Conversion, target: Path) -> None:
        """Converts in a process of its own, so that torch's memory is given back afterwards."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(
            target=_child, args=(theirs, conversion, target), name="convert weights"
        )
        start_worker(child)
        self._child = child
        if self._stopped:  # between the two lines above, or before
            child.terminate()
        theirs.close()
        try:
            failure = ours.recv()
        except EOFError:
            child.join()
            failure = EngineError(
                "The weights could not be converted for OpenVINO: the process that does it "
                f"{how_it_ended(child.exitcode)}. There may be too little memory; --engine torch "
                "does without it."
            )
        except BaseException:
            child.terminate()  # told to stop: nobody waits for its answer any more
            raise
        finally:
            ours.close()
            child.join()
            self._child = None
        if failure is not None:
            raise failure


def clear_left_over(cache: Path) -> None:
    """Deletes what conversions left that were killed: 26 MB each. One may still run beside us."""
    for partial in cache.glob(f"{_CONVERTING}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime > _STALE:
                shutil.rmtree(partial, ignore_errors=True)


def _child(answer: Connection, conversion: _Conversion, target: Path) -> None:
    ignore_terminal()
    from app.modnet import convert

    source, eight_bit = conversion.source, conversion.eight_bit
    try:
        if conversion.for_scenes:
            convert.scene_to_openvino(source, target, eight_bit=eight_bit)
        else:
            convert.to_openvino(
                source, target, statistics=conversion.statistics, eight_bit=eight_bit
            )
    except (MattecamError, OSError) as error:
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
        _send(answer, None)


def _send(answer: Connection, failure: Exception | None) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        answer.send(failure)
