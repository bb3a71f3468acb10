"""What OpenVINO's engine keeps on the disk: converted and compiled networks.

Nothing here is trusted by its name. Each file ends in a checksum that also covers what it was made
for: weights, versions, processor. A file that does not pass is deleted and made again. Files are
read into memory, never mapped, and written aside, so that nothing changes under a running network.
A folder that cannot be used costs time: the network is made again in the next run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from app import places
from app.system.checked_files import FileDamaged, read_checked, write_checked

log = logging.getLogger(__name__)

# A conversion in progress: a folder in the cache, or in a folder for temporary files.
CONVERTING = ".converting-"
# A file that is being written; see `atomic_file`.
_PART = ".*.part"
# Locks of the whole cache, among all processes. They end with the process that holds them.
_CONVERTING_LOCK, _WRITING_LOCK = ".converting.lock", ".writing.lock"
# Bytes that all kept networks may take, 12 to 26 MB each. The ones used least recently go first.
_MOST_BYTES = 1 << 30
# Networks that could not be stored and are kept in memory for the rest of this process, 12 MB each.
_KEPT_IN_MEMORY = 2
_not_stored: OrderedDict[tuple[Path, str], bytes] = OrderedDict()


def cache_folder() -> Path:
    """For networks of all weights and versions."""
    return places.cache() / "openvino"


class NetworkCache:
    """The networks of one file of weights.

    Args:
        name: of its folder.
        key: what its files are made of: weights, versions. A file of another key is not used.
    """

    def __init__(self, name: str, key: str) -> None:
        self.folder = cache_folder() / name
        self._key = key

    def read(self, name: str, *, key: str = "") -> bytes | None:
        """The content; None where it has to be made.

        Args:
            name: of the file.
            key: what it depends on beside the cache's own key.
        """
        path, whole_key = self.folder / name, self._whole_key(key)
        kept = _not_stored.get((path, whole_key))
        if kept is not None:
            return kept
        try:
            content = read_checked(path, key=whole_key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except FileDamaged as error:
            log.warning("The cached network is made again: %s.", error)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        except OSError as error:
            log.warning("The cached network is made again: it cannot be read (%s).", error.strerror)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # it was used
        return content

    def write(
        self, name: str, parts: Sequence[bytes | memoryview], *, key: str = "", keep: bool = False
    ) -> None:
        """Stores it, or says in the log why it could not.

        Args:
            name: of the file.
            parts: the content.
            key: see `read`.
            keep: whether it is kept in memory where it cannot be stored.
        """
        path, whole_key = self.folder / name, self._whole_key(key)
        try:
            with _held(_WRITING_LOCK) as lock_is_held:
                if lock_is_held:
                    _delete_all(self.folder.glob(_PART))
                write_checked(path, parts, key=whole_key)
                if lock_is_held:
                    _make_room(path)
        except OSError as error:
            log.warning(
                "The network cannot be kept in the cache folder %s (%s), so the next start takes "
                "longer. Make it writable, or name another one in MATTECAM_CACHE.",
                self.folder.parent,
                error.strerror or error,
            )
            if keep:
                _not_stored[path, whole_key] = b"".join(parts)
                while len(_not_stored) > _KEPT_IN_MEMORY:
                    _not_stored.popitem(last=False)

    def delete(self, name: str) -> None:
        """Removes what could not be used. Nothing happens where it is not there."""
        with contextlib.suppress(OSError):
            (self.folder / name).unlink()

    def _whole_key(self, key: str) -> str:
        return f"{self._key}\n{key}"


class ConversionLock:
    """Held while this process converts, so that other processes wait and use the result."""

    def __init__(self) -> None:
        self._lock: FileLock | None = None

    def try_acquire(self) -> bool:
        """Whether it may convert now: nobody else does, or the cache folder takes no locks."""
        try:
            self._lock = _acquire(_CONVERTING_LOCK)
        except Timeout:
            return False
        if self._lock is not None:
            clear_left_over()
        return True

    @property
    def is_held(self) -> bool:
        """False too where the cache folder takes no locks."""
        return self._lock is not None

    def release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            clear_left_over()
            lock.release()


def clear_what_was_left() -> None:
    """Deletes what killed processes left in the cache. What others write now stays."""
    with contextlib.suppress(Timeout):
        lock = _acquire(_CONVERTING_LOCK)
        if lock is not None:
            try:
                clear_left_over()
            finally:
                lock.release()
    with contextlib.suppress(Timeout), _held(_WRITING_LOCK, wait=0) as lock_is_held:
        if lock_is_held:
            _delete_all(cache_folder().glob(f"*/{_PART}"))


def clear_left_over() -> None:
    """Deletes unfinished conversions in the cache. Call it with the conversion lock held."""
    for partial in cache_folder().glob(f"{CONVERTING}*"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _held(name: str, *, wait: float = 10.0) -> Iterator[bool]:
    """Gives whether the lock is held; False where the folder takes no locks, or it took too long.

    Raises Timeout where `wait` is 0 and another process holds it.
    """
    lock: FileLock | None = None
    try:
        lock = _acquire(name, wait=wait)
    except Timeout:
        if wait == 0:
            raise
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


def _acquire(name: str, *, wait: float = 0.0) -> FileLock | None:
    """None where the cache folder takes no locks. Raises Timeout where another process holds it."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache_folder() / name, timeout=wait)
        lock.acquire()
    except Timeout:
        raise
    except (OSError, NotImplementedError) as error:
        log.debug("no lock in the cache folder: %s", error)
        return None
    return lock


def _make_room(newest: Path) -> None:
    """Deletes the networks used least recently, of all weights and versions; keeps `newest`."""
    found = []
    for path in cache_folder().glob("*/*"):
        with contextlib.suppress(OSError):
            if path != newest and path.is_file():
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
    taken = newest.stat().st_size
    for _, size, path in sorted(found, reverse=True):
        taken += size
        if taken > _MOST_BYTES:
            _delete_all([path])


def _delete_all(paths: Sequence[Path] | Iterator[Path]) -> None:
    for path in list(paths):
        with contextlib.suppress(OSError):
            path.unlink()
