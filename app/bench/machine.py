"""What machine this is, as far as it decides the speed."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

from app.engines.processor import name_and_flags

# What multiplies for the network: from plain vectors to a matrix unit for bfloat16.
_FLAGS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
)
_PACKAGES = ("openvino", "torch", "onnxruntime", "numpy", "opencv-python")


def describe() -> dict[str, Any]:
    """Plain values that JSON can hold."""
    import psutil

    name, flags = name_and_flags()
    return {
        "processor": name,
        "cores": _usable_cores(),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
