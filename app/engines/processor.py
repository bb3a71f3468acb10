"""What this machine's processor multiplies, as far as an engine has to know."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# Linux's names of what multiplies 8-bit integers into 32-bit sums. Without one of them a product's
# sum may run over in 16 bits, silently.
_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
# numpy's names of processor generations that have it; it knows no others.
_GENERATIONS = ("AVX512_CLX", "AVX512_ICL", "AVX512_SPR")


@functools.cache
def name_and_flags() -> tuple[str, frozenset[str]]:
    """The processor's name, and what Linux says that it can do; no flags on other systems."""
    if not _CPUINFO.is_file():
        return platform.processor() or platform.machine(), frozenset()
    values: dict[str, str] = {}
    for line in _CPUINFO.read_text().splitlines():
        key, _, value = line.partition(":")
        values.setdefault(key.strip(), value.strip())
    flags = values.get("flags", values.get("Features", ""))
    return values.get("model name", platform.machine()), frozenset(flags.split())


def multiplies_int8() -> bool:
    """Whether 8-bit integers are multiplied without running over; False where it is not known."""
    _, flags = name_and_flags()
    return bool(flags & _INT8) or (not flags and _numpy_says_so())


def _numpy_says_so() -> bool:
    try:
        from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]
            __cpu_features__ as known,
        )
    except ImportError:
        return False
    return any(known.get(generation, False) for generation in _GENERATIONS)
