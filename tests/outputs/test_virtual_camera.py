"""The virtual camera, with back ends of pyvirtualcam that fail in every known way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from app.errors import OutputError, OutputLost
from app.outputs.live_base import LiveFormat, create_live_output
from app.outputs.virtual_camera import VirtualCamera, explain

pyvirtualcam = pytest.importorskip("pyvirtualcam")
from pyvirtualcam.camera import BACKENDS  # noqa: E402

FORM = LiveFormat((64, 48), 30.0)
PICTURE_BYTES = 64 * 48 * 3 // 2


class FakeBackend:
    """Writes I420-sized pictures into a file, which stands for the device node."""

    node: Path
    refusal: str | None = None
    send_error: Exception | None = None
    opened: list[FakeBackend] = []  # noqa: RUF012 - each test gets a class of its own

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None):
        if self.refusal is not None:
            raise RuntimeError(self.refusal)
        self.size = width, height
        self.sent: list[npt.NDArray[np.uint8]] = []
        self.closed = 0
        self._file = self.node.open("r+b", buffering=0)
        self.opened.append(self)

    def send(self, frame: npt.NDArray[np.uint8]) -> None:
        if self.send_error is not None:
            raise self.send_error
        self.sent.append(frame.copy())
        self._file.write(bytes(PICTURE_BYTES))

    def close(self) -> None:
        self.closed += 1
        self._file.close()

    def device(self) -> str:
        return str(self.node)

    def native_fourcc(self) -> int:
        return 0


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[type[FakeBackend]]:
    node = tmp_path / "video9"
    node.touch()
    fake = type("Fake", (FakeBackend,), {"node": node, "opened": []})
    pyvirtualcam.register_backend("fake", fake)
    yield fake
    del BACKENDS["fake"]


@pytest.fixture
def output(backend: type[FakeBackend]) -> Iterator[VirtualCamera]:
    made = VirtualCamera(VirtualCamera.Options(backend="fake"))
    yield made
    made.close()


def picture(value: int = 7) -> npt.NDArray[np.uint8]:
    return np.full((48, 64, 3), value, np.uint8)


def test_pictures_arrive_as_rgb_and_closing_closes_once(
    output: VirtualCamera, backend: type[FakeBackend]
) -> None:
    output.open(FORM)
    rgb = picture()
    rgb[0, 0] = 1, 2, 3
    output.write(rgb, 0.0)
    assert output.failure() is None
    (device,) = backend.opened
    assert device.size == (64, 48)
    assert (device.sent[0].reshape(48, 64, 3) == rgb).all()
    assert output.description == f"{backend.node} (fake)"
    output.close()
    output.close()
    assert device.closed == 1


def test_a_view_that_is_not_contiguous_is_taken_too(
    output: VirtualCamera, backend: type[FakeBackend]
) -> None:
    output.open(FORM)
    wide = np.zeros((48, 128, 3), np.uint8)
    wide[:, ::2] = 9
    output.write(wide[:, ::2], 0.0)
    assert (backend.opened[0].sent[0] == 9).all()


def test_a_device_that_dies_is_lost_and_comes_back(
    output: VirtualCamera, backend: type[FakeBackend]
) -> None:
    output.open(FORM)
    backend.send_error = RuntimeError("Stream does not exist.")
    with pytest.raises(OutputLost, match="Stream does not exist"):
        output.write(picture(), 0.0)
    output.close()
    # What is for good at the first start is for now once it worked.
    backend.refusal = "Did you install any camera?"
    with pytest.raises(OutputLost, match="There is no virtual camera"):
        output.open(FORM)
    output.close()
    backend.refusal = backend.send_error = None
    output.open(FORM)
    output.write(picture(), 0.0)
    assert output.failure() is None


def test_a_missing_device_at_the_first_start_is_for_good(
    output: VirtualCamera, backend: type[FakeBackend]
) -> None:
    backend.refusal = "Did you install any camera?"
    with pytest.raises(OutputError, match="Install OBS") as caught:
        output.open(FORM)
    assert not isinstance(caught.value, OutputLost)
    output.close()


def test_a_picture_of_the_wrong_size_is_a_defect_and_not_hidden(output: VirtualCamera) -> None:
    output.open(FORM)
    with pytest.raises(ValueError, match="unexpected frame shape"):
        output.write(np.zeros((50, 64, 3), np.uint8), 0.0)


def test_an_unknown_kind_names_those_that_are_there(backend: type[FakeBackend]) -> None:
    output = create_live_output("virtual-camera:backend=hologram")
    with pytest.raises(OutputError, match=r"'hologram'.*fake"):
        output.open(FORM)


@pytest.mark.parametrize(
    ("text", "for_now", "sentence"),
    [
        (
            "'obs' backend: virtual camera output could not be started\n"
            "'unitycapture' backend: No camera registered. Did you install any camera?",
            True,
            "OBS's virtual camera is in use; stop it in OBS",
        ),
        (
            "'obs' backend: OBS Virtual Camera device not found! Did you install OBS?\n"
            "'unitycapture' backend: No camera registered. Did you install any camera?",
            False,
            "https://github.com/schellingb/UnityCapture",
        ),
        (
            "OBS Virtual Camera is not installed in your system. Use the Virtual Camera function",
            False,
            "Camera Extensions",
        ),
        ("Couldn't start stream", True, "extension is allowed"),
        ("the moon is in the wrong house", False, "moon.*main.py doctor"),
    ],
)
def test_each_refusal_becomes_a_sentence_with_its_remedy(
    text: str, for_now: bool, sentence: str
) -> None:
    error = explain(text, device="/dev/video4")
    assert isinstance(error, OutputLost) is for_now
    with pytest.raises(OutputError, match=sentence):
        raise error
    assert "{" not in str(error)
