"""From starting the program to the first matte, with a cold cache and with a warm one."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from app.errors import MattecamError
from app.system.program import ROOT, code_line, how_it_ended, last_line
from app.system.temporary import temporary_folder

# In a process of its own, begun as `main.py` begins; the clock is the system's, so that what the
# interpreter itself takes counts, too.
_CHILD = """
import json, sys, time
import numpy as np
from app.chain import ChainSettings, open_chain
from app.flow import run
from app.frames import Frame
from app.errors import MattecamError
from app.modnet.preprocess import NetworkSize
asked = json.loads(sys.argv[1])
size = tuple(asked.pop("frame_size"))
asked["size"] = NetworkSize.parse(asked["size"])
frame = Frame(np.full((size[1], size[0], 3), 128, np.uint8), 0, 0.0)
try:
    with open_chain(ChainSettings(**asked), frame_size=size) as chain:
        for _ in run([frame], chain.steps):
            print(json.dumps({"at": time.time(), "torch": "torch" in sys.modules}))
except MattecamError as error:
    sys.exit(str(error))
"""


def measure(settings: dict[str, Any], frame_size: tuple[int, int]) -> dict[str, Any]:
    """settings: fields of ChainSettings as plain values. Gives seconds, cold and warm.

    Raises MattecamError where it does not start.
    """
    asked = json.dumps({**settings, "frame_size": frame_size})
    with temporary_folder("bench") as cache:
        environment = {**os.environ, "MATTECAM_CACHE": str(cache)}
        cold, warm = (_first_matte(asked, environment) for _ in range(2))
    return {
        "cold_s": round(cold["seconds"], 2),
        "warm_s": round(warm["seconds"], 2),
        "warm_imports_torch": warm["torch"],
    }


def _first_matte(asked: str, environment: dict[str, str]) -> dict[str, Any]:
    import time

    began = time.time()
    child = subprocess.run(
        code_line(_CHILD, asked),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode != 0:
        said = last_line(child.stderr) or f"the process {how_it_ended(child.returncode)}"
        raise MattecamError(f"The start could not be measured: {said}")
    told = json.loads(child.stdout.splitlines()[0])
    return {"seconds": told["at"] - began, "torch": told["torch"]}
