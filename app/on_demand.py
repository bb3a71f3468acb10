"""Work on demand: while no program reads the virtual camera, the real one is released.

It is for the pipeline that has nobody else to please: a window in sight, a recording, or an output
whose readers cannot be counted (PipeWire, OBS, a file) always counts as somebody.

The virtual camera stays open and shows the neutral picture, because with `exclusive_caps=1` other
programs list it only while it is fed. Capture and matting rest: next to no processor time is used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from app.outputs.loopback_readers import ReaderWatch

log = logging.getLogger(__name__)


class Watch(Protocol):
    def start(self) -> None: ...

    def stop(self) -> bool: ...


MakeWatch = Callable[[Path, Callable[[bool], None]], Watch]


class OnDemand:
    """Calls `rest(True)` when nobody looks any more and `rest(False)` when somebody does again.

    `look()` is called now and then, twice a second will do; readers of a device that come or go in
    between are told by its watch, in a thread of that watch.
    """

    def __init__(
        self,
        rest: Callable[[bool], None],
        *,
        watch: MakeWatch = ReaderWatch,
    ) -> None:
        self._rest = rest
        self._make_watch = watch
        self._turn = threading.Lock()  # one `look()` or `stop()` at a time
        self._lock = threading.Lock()
        self._watches: dict[Path, Watch] = {}
        self._readers: dict[Path, bool] = {}
        self._otherwise = True  # somebody looks who reads no device
        self._resting = False

    def look(self, devices: Collection[Path | None], *, seen: bool) -> None:
        """devices: of all outputs; None for one whose readers cannot be counted. seen: somebody
        looks at the pipeline's own preview.
        """
        with self._turn:
            self._watch(devices, seen)
        self._decide()

    def _watch(self, devices: Collection[Path | None], seen: bool) -> None:
        paths = {path for path in devices if path is not None}
        with self._lock:
            self._otherwise = seen or not paths or None in devices
            gone = [self._watches.pop(path) for path in tuple(self._watches) if path not in paths]
            self._readers = {path: self._readers.get(path, True) for path in paths}
            new = [path for path in paths if path not in self._watches]
            for path in new:
                self._watches[path] = self._make_watch(path, self._teller(path))
            started = [self._watches[path] for path in new]
        for watch in gone:
            watch.stop()
        for watch in started:
            watch.start()

    def stop(self) -> None:
        """Ends watching, and the rest. May be called twice; `look()` begins again."""
        with self._turn:
            with self._lock:
                watches, self._watches = list(self._watches.values()), {}
                self._readers = {}
                self._otherwise = True
            for watch in watches:
                watch.stop()
        self._decide()

    def _teller(self, path: Path) -> Callable[[bool], None]:
        def tell(anybody: bool) -> None:
            with self._lock:
                if path not in self._readers:
                    return
                self._readers[path] = anybody
            self._decide()

        return tell

    def _decide(self) -> None:
        with self._lock:
            resting = not self._otherwise and not any(self._readers.values())
            if resting == self._resting:
                return
            self._resting = resting
        log.info("%s", "nobody looks: resting" if resting else "somebody looks: working")
        self._rest(resting)
