"""Writing to v4l2loopback, against a kernel that is scripted here."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app import v4l2
from app.errors import OutputError, OutputLost
from app.outputs.live_base import LiveFormat
from app.outputs.loopback_writer import LoopbackSystem, LoopbackWriter, open_writer
from app.outputs.virtual_camera import VirtualCamera

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="v4l2loopback is on Linux"
)
FORM = LiveFormat((64, 48), 30.0)
BYTES = 64 * 48 * 3 // 2
CAPTURE, OUTPUT = 1, 2


class Kernel:
    """v4l2loopback's devices as files below a folder.

    caps: of each node. agrees: the size and format that S_FMT answers, None for what is asked.
    refuses: the request that fails, and how.
    """

    def __init__(self, root: Path) -> None:
        self.system = LoopbackSystem(
            root / "dev", root / "sys", root / "proc", root / "module", self.ioctl
        )
        for folder in (self.system.dev, self.system.sysfs, self.system.proc):
            folder.mkdir()
        self.caps: dict[str, int] = {}
        self.driver = "v4l2 loopback"
        self.agrees: tuple[int, int, str] | None = None
        self.becomes_free = False  # when a writer makes itself known
        self.refuses: dict[int, int] = {}
        self.asked: list[int] = []
        self.rate: tuple[int, int] | None = None

    def add(self, number: int, caps: int = OUTPUT) -> Path:
        self.system.module.touch()
        folder = self.system.sysfs / f"video{number}"
        folder.mkdir()
        (folder / "max_openers").write_text("10\n")
        node = self.system.dev / f"video{number}"
        node.touch()
        self.caps[node.name] = caps
        return node

    def ioctl(self, descriptor: int, request: int, argument: Any) -> int:
        self.asked.append(request)
        if request in self.refuses:
            number = self.refuses[request]
            raise OSError(number, os.strerror(number))
        if request == v4l2.QUERYCAP:
            argument.driver = self.driver.encode()
            argument.capabilities = 0x80000000
            name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
            argument.device_caps = self.caps.get(name, OUTPUT)
        elif request == v4l2.S_FMT and self.agrees is not None:
            width, height, letters = self.agrees
            argument.pix.width, argument.pix.height = width, height
            argument.pix.pixelformat = int.from_bytes(letters.encode(), "little")
        elif request == v4l2.STREAMON and self.becomes_free:
            self.caps = dict.fromkeys(self.caps, OUTPUT)
            # Its buffers have no size yet.
            raise OSError(errno.EINVAL, "Invalid argument")
        elif request == v4l2.S_PARM:
            self.rate = argument.numerator, argument.denominator
        return 0

    def start(self, pid: int, name: str, *files: Path) -> None:
        """A program with open files."""
        folder = self.system.proc / str(pid) / "fd"
        folder.mkdir(parents=True)
        (folder.parent / "comm").write_text(f"{name}\n")
        for number, file in enumerate(files, 3):
            (folder / str(number)).symlink_to(file)

    def open(self, device: Path | str = "", form: LiveFormat = FORM) -> LoopbackWriter:
        return open_writer(str(device), form, system=self.system)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def picture(color: tuple[int, int, int] = (255, 0, 0)) -> npt.NDArray[np.uint8]:
    return np.broadcast_to(np.array(color, np.uint8), (48, 64, 3)).copy()


def test_the_requests_are_the_kernels() -> None:
    # From linux/videodev2.h as a C compiler sees it on a 64-bit machine.
    assert (v4l2.S_FMT, v4l2.STREAMON, v4l2.S_PARM) == (0xC0D05605, 0x40045612, 0xC0CC5616)


def test_a_picture_is_written_as_i420_and_readers_are_told_the_rate(kernel: Kernel) -> None:
    node = kernel.add(42)
    writer = kernel.open(form=LiveFormat((64, 48), 29.97))
    writer.write(picture())
    writer.close()
    planes = np.frombuffer(node.read_bytes(), np.uint8)
    assert planes.size == BYTES
    luma, blue, red = planes[: 64 * 48], planes[64 * 48 : -16 * 48], planes[-16 * 48 :]
    # BT.601, limited range.
    assert (abs(luma.astype(int) - 82) < 2).all()
    assert (abs(blue.astype(int) - 90) < 2).all()
    assert (abs(red.astype(int) - 240) < 2).all()
    assert kernel.rate is not None
    assert kernel.rate[1] / kernel.rate[0] == pytest.approx(29.97)


def test_the_driver_is_told_who_writes_so_that_the_device_is_free_afterwards(
    kernel: Kernel,
) -> None:
    kernel.add(42)
    kernel.open().close()
    assert kernel.asked[-1] == v4l2.STREAMON
    # A driver that wants buffers first does it by itself.
    kernel.refuses[v4l2.STREAMON] = errno.EINVAL
    kernel.open().close()


def test_the_first_device_that_nobody_feeds_is_taken(kernel: Kernel) -> None:
    kernel.add(7, CAPTURE)
    node = kernel.add(10)
    writer = kernel.open()
    assert writer.path == node
    writer.close()


def test_a_device_that_an_older_program_left_without_capabilities_is_made_an_output_again(
    kernel: Kernel,
) -> None:
    node = kernel.add(7, caps=0)
    kernel.becomes_free = True
    writer = kernel.open()
    writer.write(picture())
    writer.close()
    assert len(node.read_bytes()) == BYTES


def test_a_device_that_stays_without_capabilities_is_refused_and_closed(kernel: Kernel) -> None:
    node = kernel.add(7, caps=0)
    with pytest.raises(OutputLost, match="takes no pictures now"):
        kernel.open(node)
    assert not v4l2.programs_with(node)


def test_a_device_that_another_program_feeds_is_said_with_its_name(kernel: Kernel) -> None:
    node = kernel.add(42, CAPTURE)
    with pytest.raises(OutputLost, match="another program feeds it"):
        kernel.open(node)
    kernel.start(77, "obs", node)
    with pytest.raises(OutputLost, match=r"obs \(process 77\) feeds it. Close that program"):
        kernel.open()


def test_a_newer_driver_says_itself_that_another_program_feeds_it(kernel: Kernel) -> None:
    node = kernel.add(42)
    kernel.refuses[v4l2.S_FMT] = errno.EBUSY
    with pytest.raises(OutputLost, match="another program feeds it"):
        kernel.open(node)


@pytest.mark.parametrize("agrees", [(32, 24, "YU12"), (64, 48, "YUYV")])
def test_a_size_or_format_that_a_reader_still_holds_is_refused_for_now(
    kernel: Kernel, agrees: tuple[int, int, str]
) -> None:
    kernel.add(42)
    kernel.agrees = agrees
    with pytest.raises(OutputLost, match="refuses 64x48, because another program has it open"):
        kernel.open()
    # It was not claimed, and nothing is left open.
    assert v4l2.STREAMON not in kernel.asked
    kernel.agrees = None
    kernel.open().close()


def test_a_picture_that_the_device_does_not_take_is_noticed_at_once(kernel: Kernel) -> None:
    node = kernel.add(42)
    node.unlink()
    node.symlink_to("/dev/full")
    writer = kernel.open(node)
    with pytest.raises(OutputLost, match="takes no pictures"):
        writer.write(picture())
    writer.close()


def test_a_device_that_vanishes_or_is_replaced_is_noticed(kernel: Kernel) -> None:
    node = kernel.add(42)
    writer = kernel.open()
    assert writer.gone() is None
    node.rename(node.with_name("old"))
    assert "is gone; run: sudo modprobe v4l2loopback" in (writer.gone() or "")
    node.touch()
    assert "was replaced" in (writer.gone() or "")
    writer.close()


def test_without_the_module_it_is_for_good_and_without_a_device_for_now(kernel: Kernel) -> None:
    with pytest.raises(OutputError, match="exclusive_caps=1 card_label=Mattecam") as caught:
        kernel.open()
    assert not isinstance(caught.value, OutputLost)
    kernel.system.module.touch()
    with pytest.raises(OutputLost, match="No v4l2loopback device is free"):
        kernel.open()


def test_every_device_is_fed_already(kernel: Kernel) -> None:
    kernel.add(1, CAPTURE)
    kernel.add(2, CAPTURE)
    with pytest.raises(OutputLost, match="No v4l2loopback device is free"):
        kernel.open()


def test_what_is_no_loopback_device_is_not_written_to(kernel: Kernel) -> None:
    node = kernel.add(0)
    kernel.driver = "uvcvideo"
    with pytest.raises(OutputError, match="is no v4l2loopback device"):
        kernel.open(node)
    kernel.refuses[v4l2.QUERYCAP] = errno.ENOTTY
    with pytest.raises(OutputError, match="is no v4l2loopback device"):
        kernel.open(node)
    assert node.read_bytes() == b""


def test_a_device_that_does_not_exist_is_for_good(kernel: Kernel) -> None:
    with pytest.raises(OutputError, match="video9 does not exist; leave the name out") as caught:
        kernel.open(kernel.system.dev / "video9")
    assert not isinstance(caught.value, OutputLost)


@pytest.mark.parametrize(
    ("number", "for_now", "sentence"),
    [
        (errno.EACCES, False, "sudo usermod -aG video"),
        (errno.EBUSY, True, "as many programs as it allows"),
        (errno.ENODEV, True, "is gone"),
        (errno.EMFILE, False, "cannot be opened"),
    ],
)
def test_each_refusal_to_open_becomes_a_sentence(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, number: int, for_now: bool, sentence: str
) -> None:
    node = kernel.add(42)

    def refuse(path: Path, flags: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match=sentence) as caught:
        kernel.open(node)
    assert isinstance(caught.value, OutputLost) is for_now


def test_a_picture_of_the_wrong_size_is_a_defect_and_not_hidden(kernel: Kernel) -> None:
    kernel.add(42)
    writer = kernel.open()
    with pytest.raises(ValueError, match="the picture is"):
        writer.write(np.zeros((50, 64, 3), np.uint8))
    writer.close()


def test_the_output_writes_to_it_and_what_worked_once_may_come_back(kernel: Kernel) -> None:
    node = kernel.add(42)
    output = VirtualCamera(VirtualCamera.Options(), open_loopback=kernel.open)
    output.open(FORM)
    output.write(picture(), 0.0)
    assert output.failure() is None
    assert (output.device, output.description) == (node, f"{node} (v4l2loopback)")
    output.close()
    output.close()
    assert output.device is None
    node.unlink()
    (kernel.system.sysfs / node.name / "max_openers").unlink()
    kernel.system.module.unlink()
    with pytest.raises(OutputLost, match="There is no v4l2loopback device"):
        output.open(FORM)
