"""Writes down what a Python process does to the world outside it: one JSON line for each event.

It is put into an environment as `mattecam_audit.py`, beside a `.pth` file that imports it, so that
every Python process of that environment runs it first. Only the standard library. Without
MATTECAM_AUDIT (a folder), nothing happens.
"""

import json
import os
import signal
import sys
import threading

_FOLDER = os.environ.get("MATTECAM_AUDIT", "")
# Seconds after which this process, but none that it starts, gets SIGTERM.
_ENDS_AFTER = os.environ.pop("MATTECAM_AUDIT_ENDS_AFTER", "")
_NAMES = frozenset(
    (
        "ftplib.connect",
        "http.client.connect",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.link",
        "os.mkdir",
        "os.posix_spawn",
        "os.rename",
        "os.spawn",
        "os.startfile",
        "os.symlink",
        "os.system",
        "smtplib.connect",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "sqlite3.connect",
        "subprocess.Popen",
        "urllib.Request",
        "webbrowser.open",
    )
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_busy = False


def _hook(event, arguments):
    global _busy
    if _busy or (event != "open" and event not in _NAMES):
        return
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, int):
            return
        if not (flags & _WRITES if isinstance(flags, int) else set(mode or "") & set("wax+")):
            return
        arguments = (path,)
    _busy = True
    try:
        line = json.dumps(
            {
                "event": event,
                "pid": os.getpid(),
                "cwd": os.getcwd(),
                "arguments": [_told(argument) for argument in arguments],
                "program": sys.argv[:2] if hasattr(sys, "argv") else [],
            }
        )
        name = os.path.join(_FOLDER, f"{os.getpid()}.jsonl")
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode() + b"\n")
        finally:
            os.close(file)
    finally:
        _busy = False


def _told(argument):
    if isinstance(argument, (list, tuple)):
        return [_told(part) for part in argument]
    if isinstance(argument, bytes):
        return argument.decode("utf-8", "backslashreplace")
    if isinstance(argument, (str, int, float, bool)) or argument is None:
        return argument
    if hasattr(argument, "__fspath__"):
        return _told(argument.__fspath__())
    return type(argument).__name__


def _end():
    os.kill(os.getpid(), signal.SIGTERM)


if _FOLDER:
    sys.addaudithook(_hook)
if _ENDS_AFTER:
    _timer = threading.Timer(float(_ENDS_AFTER), _end)
    _timer.daemon = True
    _timer.start()
