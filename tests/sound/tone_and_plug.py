"""Records a tone and pulls the microphone out meanwhile; run as a program, beside a sound server.

The tone comes from PulseAudio's own generator, which gives two seconds at once: the worst that a
microphone does. Prints one line of JSON.

tone_and_plug.py FILE
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from app.frames import Composite, Cutout, Frame
from app.recording.plan import Plan
from app.recording.recorder import Recorder
from app.sound.devices import list_microphones
from app.sound.microphone import Microphone
from app.views import View

SIZE = (160, 96)
LONG = 60.0


def pactl(*words: str) -> str:
    done = subprocess.run(["pactl", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def plug() -> str:
    return pactl(
        "load-module",
        "module-sine-source",
        "source_name=tone",
        "frequency=440",
    )


def until(what) -> bool:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + LONG
    while not what():
        if time.monotonic() > ends:
            return False
        threading.Event().wait(0.01)
    return True


def main(path: Path) -> None:
    module = plug()
    names = [microphone.name for microphone in list_microphones()]
    with Microphone("sine source") as microphone:
        heard = until(lambda: microphone.card_rate is not None and microphone.level.rms > -20)
        recorder = Recorder(Plan({View.COMPOSITE: path}, encoder="libx264"), sound=microphone)
        recorder.start()
        began = time.monotonic()
        black = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        number = 0
        while (now := time.monotonic()) < began + 5:
            cutout = Cutout(Frame(black, number, now), np.full(SIZE[::-1], 255, np.uint8), black)
            recorder.put(Composite(cutout, black))
            number += 1
            time.sleep(1 / 30)
        figures = recorder.stop()
        pactl("unload-module", module)
        told = {
            "names": names,
            "title": microphone.description,
            "heard": heard,
            "problem": figures.sound_problem,
            "seconds": figures.files[0].seconds,
            "gone": until(lambda: microphone.problem is not None) and microphone.problem,
        }
        plug()
        told["back"] = until(lambda: microphone.problem is None and microphone.level.rms > -20)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
