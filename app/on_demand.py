"""Work on demand: while no program reads the virtual camera, the real one is released.

The virtual camera stays open and shows the neutral picture, because with `exclusive_caps=1` other
programs list it only while it is fed. Capture and matting rest: next to no processor time is used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.outputs.live_base import LiveOutput
from app.outputs.loopback_readers import ReaderWatch

log = logging.getLogger(__name__)


class Pausable(Protocol):
    """What is paused: a LivePipeline."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Watch(Protocol):
    def start(self) -> None: ...

    def stop(self) -> bool: ...


class OnDemand:
    """Pauses `pipeline()` while all of its outputs' devices have no reader.

    Outputs without a device whose readers can be counted (PipeWire, OBS, a file) are always taken
    for looked at: where one of these runs, nothing is ever paused.

    `create_output` goes into the pipeline's place for it, so that the outputs are known; `look()`
    is called now and then, once a second will do, and finds devices that were opened or changed.
    """

    def __init__(
        self,
        pipeline: Callable[[], Pausable],
        create_output: Callable[[str], LiveOutput],
        *,
        watch: Callable[[Path, Callable[[bool], None]], Watch] = ReaderWatch,
    ) -> None:
        self._pipeline = pipeline
        self._create_output = create_output
        self._make_watch = watch
        self._lock = threading.Lock()
        self._outputs: list[LiveOutput] = []
        self._watches: dict[Path, Watch] = {}
        self._readers: dict[Path, bool] = {}
        self._resting = False
        self._stopped = False

    def create_output(self, spec: str) -> LiveOutput:
        output = self._create_output(spec)
        with self._lock:
            self._outputs.append(output)
        return output

    def look(self) -> None:
        """Watches the devices that are open now."""
        with self._lock:
            if self._stopped:
                return
            devices = [output.device for output in self._outputs]
            if not devices or None in devices:
                return
            new = [path for path in devices if path is not None and path not in self._watches]
            for path in new:
                self._readers[path] = True  # until its watch says otherwise
                self._watches[path] = self._make_watch(path, self._teller(path))
            started = [self._watches[path] for path in new]
        for watch in started:
            watch.start()

    def stop(self) -> None:
        """Ends watching; the pipeline stays as it is. May be called twice."""
        with self._lock:
            self._stopped = True
            watches, self._watches = list(self._watches.values()), {}
        for watch in watches:
            watch.stop()

    def _teller(self, path: Path) -> Callable[[bool], None]:
        def tell(anybody: bool) -> None:
            with self._lock:
                self._readers[path] = anybody
                rests = not any(self._readers.values())
                if self._stopped or rests == self._resting:
                    return
                self._resting = rests
            log.info("%s", "nobody looks: resting" if rests else "somebody looks: working")
            pipeline = self._pipeline()
            pipeline.pause() if rests else pipeline.resume()

        return tell
