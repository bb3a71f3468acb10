"""A process that feeds one target, so that a crash, a hang or a full memory ends it alone.

    python -m tests.fuzz.worker TARGET

Reads from standard input: the length of an input, eight bytes, and the input. Answers with a line
for each: "ok", or what was broken.
"""

from __future__ import annotations

import faulthandler
import logging
import re
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

CPU_SECONDS = 5.0
MEMORY = 1 << 30
# What torch, OpenVINO and FFmpeg map without using it.
_ADDRESS_SPACE = 3 << 30


def main(name: str) -> int:
    faulthandler.enable()
    logging.disable(logging.CRITICAL)
    from app.errors import MattecamError
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    answers = sys.stdout
    sys.stdout = sys.stderr
    _warm_up(name)
    _limit_memory()
    while length := sys.stdin.buffer.read(8):
        content = sys.stdin.buffer.read(int.from_bytes(length, "little"))
        folder = Path(tempfile.mkdtemp(prefix="mattecam-fuzz-"))
        said = "ok"
        _give(CPU_SECONDS)
        try:
            target(content, folder)
        except MattecamError as error:
            if "\n" in str(error) or not str(error).strip():
                said = f"not a sentence: {str(error)!r}"
        except BaseException as error:  # noqa: BLE001
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = (
                f"{type(error).__name__}: {str(error)[:200]!r} in {where.filename}:{where.lineno}"
            )
        finally:
            _give(0)
            shutil.rmtree(folder, ignore_errors=True)
        if said == "ok" and _peak() > MEMORY:
            said = f"took {_peak() / 1e6:.0f} MB"
        answers.write(said.replace("\n", " ") + "\n")
        answers.flush()
    return 0


def _warm_up(name: str) -> None:
    if name in ("weights", "beside_weights"):
        import torch

        torch.set_num_threads(1)


def _limit_memory() -> None:
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + _ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _give(seconds: float) -> None:
    """Processor time, of all threads; beyond it the system ends this process."""
    if sys.platform != "win32":
        import signal

        signal.setitimer(signal.ITIMER_PROF, seconds)


def _peak() -> int:
    """Bytes that were in memory at most; 0 where the system does not tell.

    From /proc, for `getrusage` counts what the parent had when it started this process.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return 0 if found is None else int(found[1]) * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
