"""What takes longer than a suite should: memory stays flat however long the clip is."""

import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).resolve().parents[2]
MEASURED = (
    "import sys\n"
    "from app.cli import main\n"
    "from app.bench.contender import peak_memory_mb\n"
    "code = main(sys.argv[1:])\n"
    "print(f'peak {peak_memory_mb():.0f} MiB', file=sys.stderr)\n"
    "sys.exit(code)\n"
)


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """The demo's packets fifteen times over: two minutes at 1280x720."""
    path = tmp_path / "long.mkv"
    demo = str(ROOT / "assets" / "demo.mp4")
    with av.open(path, "w") as out, av.open(demo) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        start = 0
        for _ in range(15):
            with av.open(demo) as container:
                video = container.streams.video[0]
                for packet in container.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts += start
                    packet.dts += start
                    packet.stream = stream
                    out.mux(packet)
                start += video.duration
    return path


def peak(arguments: list[str]) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"peak (\d+) MiB", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


@pytest.mark.soak
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_the_length_of_a_clip_costs_no_memory(long_clip: Path, tmp_path: Path, ending: str) -> None:
    options = ["--engine", "null", "--force", "--show", "composite"]
    short = peak(["convert", "demo", "-o", str(tmp_path / f"short{ending}"), *options])
    long = peak(["convert", str(long_clip), "-o", str(tmp_path / f"long{ending}"), *options])
    assert long < short * 1.1


@pytest.mark.soak
def test_the_real_network_stays_below_900_mb(
    long_clip: Path, tmp_path: Path, weights_file: Path
) -> None:
    assert peak(["convert", str(long_clip), "-o", str(tmp_path / "long.mp4")]) < 900
