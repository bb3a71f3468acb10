"""OpenCV's own threads: none.

Its pool shares out what is done in a fraction of a millisecond. Between two such pieces its threads
wait by spinning, so they take a third of what the steps cost beside the network away from the
network, and save next to nothing of the time. There are threads enough: one for each stage, and the
network's (docs/decisions.md).
"""

from __future__ import annotations

import cv2


def work_in_the_callers_thread() -> None:
    """Of the whole process, from now on."""
    cv2.setNumThreads(1)
