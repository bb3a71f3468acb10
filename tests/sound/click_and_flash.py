"""Records a flash and a click that happen together; run as a program, beside a sound server.

A second listener, parec, says when the click was heard. The flash is captured at that moment; the
pictures come half a second late, as they do where the network is slow. Prints one line of JSON.

click_and_flash.py FILE SECONDS: a click each five seconds.
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
from app.sound.microphone import Microphone
from app.views import View

RATE = 48_000
DELAY = 0.5
SIZE = (160, 96)
SILENCE = 5.0  # between two clicks


def picture(number: int, captured_at: float, *, white: bool) -> Composite:
    rgb = np.full((SIZE[1], SIZE[0], 3), 255 if white else 0, np.uint8)
    return Composite(
        Cutout(Frame(rgb, number, captured_at), np.full(SIZE[::-1], 255, np.uint8), rgb), rgb
    )


def main(path: Path, seconds: float) -> None:
    heard: list[float] = []
    listener = subprocess.Popen(
        [
            "parec",
            "--raw",
            f"--rate={RATE}",
            "--channels=1",
            "--format=s16le",
            "--latency-msec=10",
            "--device=click.monitor",
        ],
        stdout=subprocess.PIPE,
        bufsize=0,
    )

    def listen() -> None:
        assert listener.stdout is not None
        while chunk := listener.stdout.read(2 * RATE // 100):
            now = time.monotonic()
            loud = np.flatnonzero(np.abs(np.frombuffer(chunk, np.int16).astype(int)) > 5000)
            if len(loud) and (not heard or now - heard[-1] > SILENCE / 2):
                heard.append(now - (len(chunk) // 2 - int(loud[0])) / RATE)

    threading.Thread(target=listen, daemon=True).start()
    sound = np.zeros(round(RATE * SILENCE), np.int16)
    sound[2 * RATE : 2 * RATE + RATE // 100] = 20_000
    player = subprocess.Popen(
        [
            "pacat",
            "--raw",
            f"--rate={RATE}",
            "--channels=1",
            "--format=s16le",
            "--latency-msec=30",
            "--device=click",
        ],
        stdin=subprocess.PIPE,
    )

    def play() -> None:
        assert player.stdin is not None
        try:
            while True:
                player.stdin.write(sound.tobytes())
                player.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    threading.Thread(target=play, daemon=True).start()
    with Microphone("pulse") as microphone:
        recorder = Recorder(Plan({View.COMPOSITE: path}, encoder="libx264"), sound=microphone)
        recorder.start()
        began = time.monotonic()
        flashed = number = 0
        while (now := time.monotonic()) < began + DELAY + seconds:
            if flashed < len(heard) and now >= heard[flashed] + DELAY:
                # One picture at the very moment, black ones after it.
                if heard[flashed] > began:
                    recorder.put(picture(number, heard[flashed], white=True))
                flashed += 1
            elif now - DELAY > began:
                recorder.put(picture(number, now - DELAY, white=False))
            number += 1
            time.sleep(1 / 30)
        figures = recorder.stop()
        told = {
            "problem": microphone.problem,
            "card_rate": microphone.card_rate,
            "clicks": len([at for at in heard if at > began]),
            "frames": figures.files[0].frames,
        }
    listener.kill()
    player.kill()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
