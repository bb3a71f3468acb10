"""Records until it is killed, and says on stdout how many seconds of the clip are written.

record_on.py FILE
"""

import sys
import threading
import time
from pathlib import Path

from recording_help import Click, composite

from app.recording.plan import Plan
from app.recording.recorder import Recorder
from app.views import View


def main(path: Path) -> None:
    sound = Click(time.monotonic() + 1.0)
    recorder = Recorder(Plan({View.COMPOSITE: path}, encoder="libx264"), sound=sound)
    recorder.start()
    for number in range(3000):
        recorder.put(composite(number, time.monotonic()))
        sys.stdout.write(f"{recorder.figures().files[0].seconds:.3f}\n")
        sys.stdout.flush()
        threading.Event().wait(1 / 30)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
