"""The one place that imports OpenVINO."""

from __future__ import annotations

import sys
from typing import Any


def import_openvino() -> Any:
    """OpenVINO, with its telemetry switched off in this process.

    OpenVINO's model converter sends an event to an analytics server when it is imported and writes
    a client id to ~/intel. No environment variable prevents that: OPENVINO_TELEMETRY_OPT_OUT is not
    read by openvino 2026.4 or openvino_telemetry 2025.2. Where the telemetry package cannot be
    imported, OpenVINO uses an empty stub of its own.

    Raises:
        ImportError: the package is not installed.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino  # noqa: TID251

    return openvino
