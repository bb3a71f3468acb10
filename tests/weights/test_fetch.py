"""Fetching, against a server on this machine and a folder of wheels instead of an index."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import socket
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from app.errors import FetchError
from app.weights.fetch import Access, FetchCancelled, fetch
from app.weights.manifest import Entry

CONTENT = random.Random(7).randbytes(300_000)
HALF = len(CONTENT) // 2
MEMBER = "pack/models/tiny.onnx"


@dataclass
class Server:
    """What it serves, how badly, and the Range header of each request that came."""

    url: str = ""
    content: bytes = CONTENT
    honours_range: bool = True
    break_off_after: int | None = None
    wrong_range: bool = False
    tells_length: bool = True
    status: int | None = None
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            served.ranges.append(asked)
            if served.status is not None:
                self.send_error(served.status)
                return
            start = 0
            if asked and served.honours_range:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(served.content):
                    self.send_error(416)
                    return
                self.send_response(206)
                told = start + 1 if served.wrong_range else start
                end, size = len(served.content) - 1, len(served.content)
                self.send_header("Content-Range", f"bytes {told}-{end}/{size}")
            else:
                self.send_response(200)
            body = served.content[start:]
            if served.tells_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a client may hang up: that is tested
                self.wfile.write(body[: served.break_off_after])

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Nothing: pytest's output stays readable."""

    class QuietServer(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is part of these tests."""

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    http = QuietServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    weights = tmp_path / "weights"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(weights))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return weights


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes its wheels from, and no other index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


HUB = {"kind": "hugging-face", "repo": "who/what", "revision": "main", "path": "tiny.onnx"}
WHEEL = {
    "kind": "pypi-wheel", "package": "tiny-models", "version": "1.0", "member": MEMBER, "bytes": 99,
}  # fmt: skip


def entry_with(*sources: dict[str, object]) -> Entry:
    return Entry.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "file": "tiny.onnx",
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "licence": "CC0",
            "origin": "here",
            "sources": sources,
        }
    )


def make_wheel(folder: Path, content: bytes = CONTENT, member: str = MEMBER) -> Path:
    info = "tiny_models-1.0.dist-info"
    path = folder / "tiny_models-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        # As the real one: it asks for a Python that need not be this one.
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.0\nRequires-Python: >=3.99\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def files_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def only_the_file(folder: Path) -> bool:
    """Whole, and nothing lies beside it nor in the folder for temporary files."""
    left = files_of(folder.parent / "tmp")
    return files_of(folder) == {"tiny.onnx": len(CONTENT)} and not left


# -- over HTTP -----------------------------------------------------------------------------------


def test_a_file_is_fetched_and_its_progress_told(server: Server, folder: Path) -> None:
    told: list[tuple[int, int | None, str]] = []
    path = fetch(
        entry_with(HUB),
        progress=lambda done, total, source: told.append((done, total, source)),
        access=Access(hugging_face=server.url),
    )
    assert path == folder / "tiny.onnx"
    assert path.read_bytes() == CONTENT
    assert only_the_file(folder)
    assert told[-1] == (len(CONTENT), len(CONTENT), "Hugging Face (who/what)")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_what_is_there_and_whole_needs_no_network(folder: Path) -> None:
    folder.mkdir()
    (folder / "tiny.onnx").write_bytes(CONTENT)
    nowhere = Access(hugging_face="http://127.0.0.1:9", python="/no/such/python")
    assert fetch(entry_with(HUB, WHEEL), access=nowhere) == folder / "tiny.onnx"


def test_a_damaged_file_is_replaced(server: Server, folder: Path) -> None:
    folder.mkdir()
    (folder / "tiny.onnx").write_bytes(CONTENT[:-1] + b"?")
    fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert (folder / "tiny.onnx").read_bytes() == CONTENT
    assert only_the_file(folder)


def test_ctrl_c_leaves_a_part_and_the_next_fetch_goes_on_from_it(
    server: Server, folder: Path
) -> None:
    def interrupt(done: int, total: int | None, source: str) -> None:
        if done >= HALF:
            raise KeyboardInterrupt

    access = Access(hugging_face=server.url)
    with pytest.raises(KeyboardInterrupt):
        fetch(entry_with(HUB), progress=interrupt, access=access)
    part = files_of(folder)
    assert list(part) == ["tiny.onnx.part"]
    assert HALF <= part["tiny.onnx.part"] < len(CONTENT)
    fetch(entry_with(HUB), access=access)
    assert server.ranges == [None, f"bytes={part['tiny.onnx.part']}-"]
    assert only_the_file(folder)


def test_cancelling_leaves_a_part_too(server: Server, folder: Path) -> None:
    done_so_far = [0]

    def note(done: int, total: int | None, source: str) -> None:
        done_so_far.append(done)

    with pytest.raises(FetchCancelled, match=r"python main\.py weights fetch tiny"):
        fetch(
            entry_with(HUB),
            progress=note,
            cancelled=lambda: done_so_far[-1] >= HALF,
            access=Access(hugging_face=server.url),
        )
    assert list(files_of(folder)) == ["tiny.onnx.part"]


def test_a_server_without_range_starts_over(server: Server, folder: Path) -> None:
    server.honours_range = False
    folder.mkdir()
    (folder / "tiny.onnx.part").write_bytes(CONTENT[:1000])
    fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert server.ranges == ["bytes=1000-"]
    assert only_the_file(folder)


def test_a_transfer_that_breaks_off_again_and_again_is_resumed(
    server: Server, folder: Path
) -> None:
    server.break_off_after = 70_000
    fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert server.ranges == [None, *(f"bytes={70_000 * n}-" for n in (1, 2, 3, 4))]
    assert only_the_file(folder)


def test_a_server_that_never_sends_anything_is_given_up(server: Server, folder: Path) -> None:
    server.break_off_after = 0
    with pytest.raises(FetchError, match="less than the whole file"):
        fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert len(server.ranges) == 3


@pytest.mark.parametrize(
    "part",
    [b"?" * 1000, b"?" * len(CONTENT), b"?" * (len(CONTENT) + 5), CONTENT[:-5] + b"?" * 4],
    ids=["wrong", "wrong and as long", "too long", "wrong at its end"],
)
def test_a_part_of_other_bytes_is_dropped_and_fetched_anew(
    server: Server, folder: Path, part: bytes
) -> None:
    folder.mkdir()
    (folder / "tiny.onnx.part").write_bytes(part)
    fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert (folder / "tiny.onnx").read_bytes() == CONTENT
    assert only_the_file(folder)
    assert server.ranges[-1] is None


def test_a_whole_part_only_gets_its_name(server: Server, folder: Path) -> None:
    folder.mkdir()
    (folder / "tiny.onnx.part").write_bytes(CONTENT)
    fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert server.ranges == []
    assert only_the_file(folder)


def test_an_answer_for_another_range_is_not_appended(server: Server, folder: Path) -> None:
    server.wrong_range = True
    folder.mkdir()
    (folder / "tiny.onnx.part").write_bytes(CONTENT[:1000])
    fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert server.ranges == ["bytes=1000-", None]
    assert only_the_file(folder)


@pytest.mark.parametrize(
    ("content", "tells_length", "what"),
    [
        (b"?" * len(CONTENT), True, "SHA-256"),
        (CONTENT + b"more", True, "300,004 bytes"),
        (CONTENT + b"more", False, "longer file"),
        (b"<html>log in to this network</html>", True, "35 bytes"),
        (b"<html>log in to this network</html>", False, "less than the whole|not have the rest"),
        (b"", False, "less than the whole file"),
    ],
)
def test_wrong_bytes_never_get_the_files_name(
    server: Server, folder: Path, content: bytes, tells_length: bool, what: str
) -> None:
    server.content = content
    server.tells_length = tells_length
    with pytest.raises(FetchError, match=what):
        fetch(entry_with(HUB), access=Access(hugging_face=server.url))
    assert "tiny.onnx" not in files_of(folder)


def test_every_source_is_named_with_its_reason_and_a_way_by_hand(
    server: Server, folder: Path
) -> None:
    server.status = 404
    other = {**HUB, "repo": "some/body"}
    with pytest.raises(FetchError) as caught:
        fetch(entry_with(HUB, other), access=Access(hugging_face=server.url))
    said = str(caught.value)
    assert "Hugging Face (who/what): it answered 404" in said
    assert "Hugging Face (some/body): it answered 404" in said
    assert "https://huggingface.co/who/what/resolve/main/tiny.onnx" in said
    assert "python main.py weights import FILE" in said
    assert files_of(folder) == {}


def test_a_refused_connection_is_told_in_plain_words(server: Server, folder: Path) -> None:
    with pytest.raises(FetchError, match="connection was refused"):
        fetch(entry_with(HUB), access=Access(hugging_face="http://127.0.0.1:9"))


def test_a_server_that_falls_silent_is_not_waited_for_for_ever(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # it takes calls and says nothing
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(FetchError, match="did not answer in time"):
            fetch(entry_with(HUB), access=Access(hugging_face=url, timeout=0.05))


def test_a_full_disk_ends_the_fetch_and_says_how_much_to_free(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FetchError, match=r"disk is full.*MB"):
        fetch(entry_with(HUB, HUB), access=Access(hugging_face=server.url))
    assert len(server.ranges) == 1


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path / "file" / "weights"))
    with pytest.raises(FetchError, match=r"cannot be written.*MATTECAM_WEIGHTS"):
        fetch(entry_with(HUB))


def test_two_processes_that_fetch_at_once_load_it_once(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "from app.weights.fetch import Access, fetch\n"
        "from app.weights.manifest import Entry\n"
        "entry = Entry.model_validate_json(sys.argv[1])\n"
        "print(fetch(entry, access=Access(hugging_face=sys.argv[2])))\n"
    )
    command = [sys.executable, "-c", script, entry_with(HUB).model_dump_json(), server.url]
    root = Path(__file__).resolve().parents[2]
    running = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) for _ in range(2)]
    for process in running:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert said.decode().strip() == str(folder / "tiny.onnx")
    assert server.ranges == [None]
    assert only_the_file(folder)


def test_waiting_for_another_process_can_be_cancelled(folder: Path) -> None:
    folder.mkdir()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with FileLock(folder / ".tiny.onnx.lock"):
            held.set()
            done.wait(120)

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert held.wait(120)
        with pytest.raises(FetchCancelled):
            fetch(entry_with(HUB), cancelled=lambda: True)
    finally:
        done.set()
        other.join()


# -- out of a wheel ------------------------------------------------------------------------------


def test_the_member_is_taken_out_of_the_wheel_that_pip_finds(folder: Path, index: Path) -> None:
    make_wheel(index)
    told: list[str] = []
    fetch(entry_with(WHEEL), progress=lambda done, total, source: told.append(source))
    assert (folder / "tiny.onnx").read_bytes() == CONTENT
    assert only_the_file(folder)
    assert set(told) == {"tiny-models 1.0 through pip"}


def test_a_wheel_that_the_index_lacks_leads_to_the_next_source(
    server: Server, folder: Path, index: Path
) -> None:
    fetch(entry_with(WHEEL, HUB), access=Access(hugging_face=server.url))
    assert server.ranges == [None]
    assert only_the_file(folder)


@pytest.mark.parametrize(
    ("content", "member", "what"),
    [
        (CONTENT, "pack/else.onnx", "not in the wheel"),
        (CONTENT[::-1], MEMBER, "SHA-256"),
        (CONTENT * 2, MEMBER, "longer file"),
    ],
)
def test_a_wheel_with_another_content_is_refused(
    folder: Path, index: Path, content: bytes, member: str, what: str
) -> None:
    make_wheel(index, content, member)
    with pytest.raises(FetchError, match=what):
        fetch(entry_with(WHEEL))
    assert files_of(folder) == {}
    assert files_of(folder.parent / "tmp") == {}


def test_a_damaged_wheel_is_refused(folder: Path, index: Path) -> None:
    wheel = make_wheel(index)
    content = bytearray(wheel.read_bytes())
    at = content.index(CONTENT[:64])
    content[at + 1000] ^= 0xFF  # a bit of the member: the archive's own CRC notices
    wheel.write_bytes(content)
    with pytest.raises(FetchError, match="damaged"):
        fetch(entry_with(WHEEL))
    assert files_of(folder) == {}


def test_a_python_without_pip_says_so_and_goes_on(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    server.status = 404
    access = Access(hugging_face=server.url, python=str(python))
    with pytest.raises(FetchError, match="pip is not in this Python environment") as caught:
        fetch(entry_with(WHEEL, HUB), access=access)
    assert "404" in str(caught.value)


def test_cancelling_stops_pip_and_leaves_nothing(
    server: Server, folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An index that takes the call and never answers.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/")
        told: list[int] = []

        def note(done: int, total: int | None, source: str) -> None:
            told.append(done)

        with pytest.raises(FetchCancelled):
            fetch(entry_with(WHEEL), progress=note, cancelled=lambda: len(told) > 2)
    assert len(told) == 3, "it went on"
    assert files_of(folder) == {}
    assert files_of(folder.parent / "tmp") == {}
