"""No input makes a loader do anything but give a result or a sentence, in 5 s and 1 GB.

`make fuzz` gives 10,000 inputs to each target; here a few, always the same. What breaks a promise
is kept in .hypothesis/fuzz, and hypothesis tries it first the next time.
"""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz import seeds
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".hypothesis" / "fuzz"
INPUTS = int(os.environ.get("FUZZ_INPUTS", "0"))
SHORT = 40
# Seconds for one that waits for something and takes no processor time, on any machine.
_STUCK = 120

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
_TOKENS = (
    b"[" * 3000, b'{"a":' * 3000, b"1e999", b"NaN", b"-Infinity", b"9" * 5000, b"\\ud800", b"\0",
    b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"..", b"/", b"~nobody", b"=", b",", b":", b'"',
    b"\n", b"null", b"true", b"-1", b"{}", b"[]", b"\x80\x05", b"PK\x03\x04", b"A" * 400,
    b"%s", b"#",
)  # fmt: skip

POSITIONS = st.integers(0, 1 << 20)
EDITS = st.one_of(
    st.tuples(st.just("byte"), POSITIONS, st.integers(0, 255)),
    st.tuples(st.just("flip"), POSITIONS, st.integers(0, 7)),
    st.tuples(
        st.just("number"), POSITIONS,
        st.tuples(st.sampled_from(_NUMBERS), st.sampled_from((1, 2, 4, 8)), st.booleans()),
    ),
    st.tuples(st.just("token"), POSITIONS, st.sampled_from(_TOKENS)),
    st.tuples(st.just("insert"), POSITIONS, st.binary(max_size=16)),
    st.tuples(st.just("delete"), POSITIONS, st.integers(1, 64)),
    st.tuples(st.just("repeat"), POSITIONS, st.integers(1, 64)),
    st.tuples(st.just("cut"), POSITIONS, st.just(0)),
)  # fmt: skip


def damaged(content: bytes, edits: list[tuple[str, int, object]]) -> bytes:
    """`content` after each of `edits`: what, where (modulo the length), and with what."""
    made = bytearray(content)
    for kind, position, value in edits:
        at = position % (len(made) + 1)
        if kind == "byte":
            made[at : at + 1] = bytes([value])  # type: ignore[list-item]
        elif kind == "flip" and at < len(made):
            made[at] ^= 1 << value  # type: ignore[operator]
        elif kind == "number":
            number, width, little = value  # type: ignore[misc]
            order = "little" if little else "big"
            made[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, order)
        elif kind in ("token", "insert"):
            made[at:at] = value  # type: ignore[assignment]
        elif kind == "delete":
            del made[at : at + value]  # type: ignore[operator]
        elif kind == "repeat":
            made[at:at] = made[at : at + value]  # type: ignore[operator]
        elif kind == "cut":
            del made[at:]
    return bytes(made)


class Fed:
    """A worker that is started again after each input that ended it."""

    def __init__(self, name: str) -> None:
        self.name, self.given = name, 0
        self._process: subprocess.Popen[bytes] | None = None

    def feed(self, content: bytes) -> str:
        """What the worker answers, or how it ended."""
        process = self._process
        if process is None or process.poll() is not None:
            command = [sys.executable, "-m", "tests.fuzz.worker", self.name]
            process = self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self.given += 1
        process.stdin.write(len(content).to_bytes(8, "little") + content)
        process.stdin.flush()
        if os.name != "nt" and not select.select([process.stdout], [], [], _STUCK)[0]:
            process.kill()
            process.wait()
            return "hangs"
        answer = process.stdout.readline().decode(errors="replace").strip()
        if answer.startswith("took"):
            self.end()
        if answer:
            return answer
        return f"ended the process ({process.wait()}; -27 is too much processor time)"

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture
def fed(request: pytest.FixtureRequest) -> Iterator[Fed]:
    made = Fed(request.param)
    yield made
    made.end()
    print(f"{made.name}: {made.given} inputs")  # noqa: T201


@pytest.mark.timeout(0)
@pytest.mark.parametrize("fed", TARGETS, indirect=True)
def test_any_input_gives_a_result_or_a_sentence(fed: Fed) -> None:
    contents = seeds.of(fed.name)
    for content in contents:
        assert fed.feed(content) == "ok"

    @settings(
        max_examples=INPUTS or SHORT,
        derandomize=not INPUTS,
        database=None if not INPUTS else settings.default.database,  # type: ignore[union-attr]
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if INPUTS else [])],
    )
    @given(st.sampled_from(range(len(contents))), st.lists(EDITS, max_size=6))
    def feed(which: int, edits: list[tuple[str, int, object]]) -> None:
        content = damaged(contents[which], edits)
        answer = fed.feed(content)
        if answer != "ok":
            KEPT.mkdir(parents=True, exist_ok=True)
            path = KEPT / f"{fed.name}-{hashlib.sha256(content).hexdigest()[:16]}"
            path.write_bytes(content)
            pytest.fail(f"{fed.name}: {answer}; the input is kept as {path}")

    feed()
