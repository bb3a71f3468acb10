"""Runs the program as it is installed, and says what it did to the world outside of it.

Two witnesses: an audit hook in every Python process (audit_hook.py), and strace, where it works,
which also sees what native code does. Where the system allows it, the program runs in a network
namespace of its own that has no route anywhere.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import stored
from tests.bare_environment import ROOT, make_bare_environment, user_environment

LONG = 300  # seconds that no command here should ever take
_COPIED = ("app", "assets", "scripts", "weights")
_CALLS = "connect,sendto,sendmsg,sendmmsg,bind,open,openat,openat2,creat,mkdir,mkdirat,rename"
_CALLS += ",renameat,renameat2,link,linkat,symlink,symlinkat,execve"
# Servers of the session on this very computer, by their socket: X11, Wayland, PipeWire,
# PulseAudio, JACK, D-Bus, the system's name cache and its log.
_SERVERS = re.compile(
    r"(/tmp/)?\.X11-unix/|wayland-\d|pipewire-\d|/pulse/|/pulse-|jack|/dbus/|/bus$|dbus-"
    r"|/nscd/socket|/systemd/|/dev/log|/ICE-unix/"
)
# Devices: nothing is stored there.
_DEVICES = re.compile(r"/dev/(?!shm\b|mqueue\b)|/proc/")
_NETWORK = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")


@dataclass
class Seen:
    """What one run did.

    Attributes:
        network: connections and look-ups that leave this computer; one line each.
        written: absolute paths.
        started: the names of programs.
        forked: whether a threaded Python process was forked.
    """

    code: int
    out: str
    err: str
    network: list[str] = field(default_factory=list)
    written: set[Path] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    forked: bool = False


class Installation:
    """A copy of the program, and an environment that holds what `make run` installs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "mattecam"
        self.folder.mkdir(parents=True)
        for name in _COPIED:
            shutil.copytree(
                ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "main.py", self.folder)
        self.python = make_bare_environment(folder / "venv")
        site = subprocess.run(
            [self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        shutil.copy(Path(__file__).with_name("audit_hook.py"), Path(site, "mattecam_audit.py"))
        Path(site, "mattecam_audit.pth").write_text("import mattecam_audit\n")

    def run(self, user: User, *words: str, ends_after: float | None = None) -> Seen:
        """`main.py WORDS`, in the user's folder.

        ends_after: seconds after which the program gets SIGTERM, as from a closing session.
        """
        return self.run_python(user, str(self.folder / "main.py"), *words, ends_after=ends_after)

    def run_python(self, user: User, *words: str, ends_after: float | None = None) -> Seen:
        record = Path(tempfile.mkdtemp(dir=user.folder, prefix="record-"))
        trace = record / "trace"
        environment = {
            **user_environment(user.home),
            "TMPDIR": str(user.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MATTECAM_AUDIT": str(record),
        }
        if ends_after is not None:
            environment["MATTECAM_AUDIT_ENDS_AFTER"] = str(ends_after)
        command = [*_without_network(), *_traced(trace), str(self.python), *words]
        done = subprocess.run(
            command,
            cwd=user.work,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONG,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        seen = Seen(done.returncode, done.stdout, done.stderr)
        _read_audit(record, seen)
        if trace.exists():
            _read_trace(trace, user.work, seen)
        ours = {path for path in seen.written if path.is_relative_to(record)}
        seen.written -= ours
        return seen

    def unknown(self, user: User, seen: Seen) -> list[str]:
        """Files that were written though the user did not ask for them and no table names them."""
        with _places_of(user, self.folder):
            return sorted(
                str(path)
                for path in seen.written
                if not path.is_relative_to(user.work)
                and not _DEVICES.match(str(path))
                and not any(place.holds(path) for place in stored.PLACES)
                # The folders above a place, and Python's own semaphores.
                and not any(place.folder().is_relative_to(path) for place in stored.PLACES)
                and not re.match(r"/dev/shm/(sem\.|torch_|psm_)", str(path))
                # Python tries whether the folder for temporary files can be written to.
                and not (path.parent == user.temporary and re.match(r"\w{8}$", path.name))
            )

    def unknown_programs(self, seen: Seen) -> list[str]:
        python = {self.python.name, self.python.resolve().name, "env", "unshare"}
        return sorted(name for name in seen.started - python if name not in stored.STARTED)


class User:
    """Somebody in a fresh home, with an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.work, self.temporary = (
            folder / name for name in ("home", "work", "temporary")
        )
        for path in (self.home, self.work, self.temporary):
            path.mkdir(parents=True)


@functools.cache
def _without_network() -> Sequence[str]:
    for words in (["unshare", "-rn"], ["unshare", "-n"]):
        if shutil.which("unshare") and _works([*words, "true"]):
            return words
    return ()


@functools.cache
def _strace() -> Sequence[str]:
    words = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "signal=none", "-e", f"trace={_CALLS}"]
    if sys.platform != "linux" or shutil.which("strace") is None:
        return ()
    with tempfile.TemporaryDirectory() as folder:
        return words if _works([*words, "-o", f"{folder}/t", "true"]) else ()


def traces() -> bool:
    """Whether native code is watched, too."""
    return bool(_strace())


def _traced(trace: Path) -> Sequence[str]:
    words = _strace()
    return [*words, "-s", "300", "-o", str(trace)] if words else ()


def _works(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def _places_of(user: User, program: Path) -> Iterator[None]:
    """The table as that user's program sees it."""
    changed: Mapping[str, str | None] = {
        "HOME": str(user.home),
        "MATTECAM_WEIGHTS": str(program / "weights"),
        "MATTECAM_CONFIG": None,
        "MATTECAM_CACHE": None,
        "XDG_CONFIG_HOME": None,
        "XDG_CACHE_HOME": None,
    }
    before = {name: os.environ.get(name) for name in changed}
    temporary, tempfile.tempdir = tempfile.tempdir, str(user.temporary)
    try:
        _set(changed)
        yield
    finally:
        _set(before)
        tempfile.tempdir = temporary


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


# ---- the audit hook's lines --------------------------------------------------------------------


def _read_audit(record: Path, seen: Seen) -> None:
    for file in record.glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            _take_event(json.loads(line), seen)


def _take_event(event: dict[str, Any], seen: Seen) -> None:
    name, arguments, folder = event["event"], event["arguments"], Path(event["cwd"])
    if name in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        address = arguments[1] if len(arguments) > 1 else None
        if isinstance(address, list) or (
            isinstance(address, str) and name == "socket.connect" and not _is_server(address)
        ):
            seen.network.append(f"{name} {address}")
    elif name in _NETWORK:
        seen.network.append(f"{name} {arguments}")
    elif name in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.spawn"):
        program = arguments[1] if name == "os.spawn" else arguments[0]
        if program is None:
            program = arguments[1][0]
        seen.started.add(Path(program).name)
    elif name == "os.system":
        seen.started.add(str(arguments[0]))
    elif name in ("os.fork", "os.forkpty"):
        seen.forked = True
    elif name == "os.mkdir" or name == "open" or name == "sqlite3.connect":
        seen.written.add(_absolute(folder, arguments[0]))
    elif name in ("os.rename", "os.link", "os.symlink"):
        seen.written.add(_absolute(folder, arguments[1]))


def _absolute(folder: Path, name: str) -> Path:
    return Path(os.path.normpath(folder / name))


def _is_server(path: str) -> bool:
    return bool(_SERVERS.search(path)) or "pymp-" in path


# ---- strace's lines ----------------------------------------------------------------------------


def _read_trace(trace: Path, folder: Path, seen: Seen) -> None:
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        call = re.match(r"\d+\s+(\w+)\((.*)", line)
        if call is None:
            continue
        name, rest = call.groups()
        failed = re.search(r"= -1 E(?!INPROGRESS|AGAIN)", rest) is not None
        if name in ("connect", "sendto", "sendmsg", "sendmmsg", "bind"):
            # Also one that fails: it was tried.
            _take_socket_call(name, rest, seen)
        elif not failed:
            _take_file_call(name, rest, folder, seen)


def _take_socket_call(name: str, rest: str, seen: Seen) -> None:
    if "AF_INET" in rest:
        seen.network.append(f"{name} {rest[:160]}")
    path = re.search(r'sun_path=@?"([^"]*)"', rest)
    if path and name == "connect" and not _is_server(path[1]):
        seen.network.append(f"{name} {path[1]}")


def _take_file_call(name: str, rest: str, folder: Path, seen: Seen) -> None:
    names = re.findall(r'"((?:[^"\\]|\\.)*)"', rest)
    if not names:
        return
    if name == "execve":
        seen.started.add(Path(names[0]).name)
    elif name.startswith("open") or name == "creat":
        if name == "creat" or _WRITES.search(rest):
            seen.written.add(_absolute(folder, names[0]))
    elif len(names) > 1 and not name.startswith("mkdir"):
        seen.written.add(_absolute(folder, names[1]))
    else:
        seen.written.add(_absolute(folder, names[0]))
