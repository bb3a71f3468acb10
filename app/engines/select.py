"""Which engine and device to use: what was asked for, or the best that is there; never silently.

Looks before it imports: torch takes seconds to load and is not needed where OpenVINO will do.
"""

from __future__ import annotations

import logging
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app.engines.base import Engine, EngineInfo, EngineSettings, engines
from app.errors import EngineUnavailable, UsageError
from app.runtime.opening import Opening

log = logging.getLogger(__name__)

_TORCH_DEVICES = ("cuda", "mps", "xpu")
_OPENVINO_DEVICES = ("gpu", "npu")


@contextmanager
def open_engine(
    name: str, settings: EngineSettings, opening: Opening | None = None
) -> Iterator[tuple[Engine, EngineInfo]]:
    """The engine, open, and what it runs on.

    name: "auto" or a registered engine. With "auto" an engine that cannot be opened gives way to
    the next, and the info's `note` says so. What was asked for by name is never replaced: it
    raises EngineUnavailable.
    opening: see `Engine`; Cancelled is raised where it is not wanted any more.
    """
    reasons: list[str] = []
    to_try = candidates(name, settings.device)
    for candidate, device in to_try:
        try:
            entry = engines.entry(candidate)
            unavailable = entry.unavailable_because()
            if unavailable is not None:
                raise EngineUnavailable(unavailable)
            engine = entry.factory(replace(settings, device=device))
            if opening is not None:
                engine.opening = opening
            engine.__enter__()
        except EngineUnavailable as error:
            if len(to_try) == 1:
                raise
            log.warning("%s is passed over: %s", candidate, error)
            reasons.append(f"{candidate} is passed over: {error}")
            continue
        try:
            yield engine, replace(engine.info, note=" ".join(reasons))
        finally:
            engine.__exit__(*sys.exc_info())
        return
    raise EngineUnavailable("No engine works here. " + " ".join(reasons))


def candidates(name: str, device: str) -> list[tuple[str, str]]:
    """(engine, device) in the order to try them. Raises OptionError or UsageError for a name."""
    family = device.split(":")[0]
    if name != "auto":
        engines.entry(name)
        return [(name, device)]
    if family in _TORCH_DEVICES:
        return [("torch", device)]
    if family in _OPENVINO_DEVICES:
        return [("openvino", device)]
    if family == "cpu":
        return [("openvino", "cpu"), ("torch", "cpu")]
    if family != "auto":
        known = ", ".join(("auto", "cpu", *_TORCH_DEVICES, *_OPENVINO_DEVICES))
        raise UsageError(f"There is no device called {device!r}. There are: {known}.")
    found = []
    if _nvidia_driver():
        found.append(("torch", "cuda"))
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append(("torch", "mps"))
    return [*found, ("openvino", "auto"), ("torch", "cpu")]


def _nvidia_driver() -> bool:
    """Whether NVIDIA's driver seems to be installed. Asks the file system only."""
    if shutil.which("nvidia-smi") is not None:
        return True
    return sys.platform == "linux" and Path("/proc/driver/nvidia/version").is_file()
