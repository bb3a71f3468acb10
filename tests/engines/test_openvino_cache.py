"""What the OpenVINO engine keeps on the disk, and what it clears away."""

from __future__ import annotations

import os
import time
from pathlib import Path

from app.engines.openvino_cache import clear_left_over


def test_what_a_killed_conversion_left_is_deleted_and_what_may_still_run_is_not(
    tmp_path: Path,
) -> None:
    left, running, done = (tmp_path / name for name in (".converting-a", ".converting-b", "abc"))
    for folder in (left, running, done):
        folder.mkdir()
        (folder / "modnet.xml").write_text("half a network")
    long_ago = time.time() - 7200
    for folder in (left, done):
        os.utime(folder, (long_ago, long_ago))
    clear_left_over(tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [".converting-b", "abc"]
