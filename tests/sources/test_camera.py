"""The camera source with a scripted driver: every fault of real ones, and what is said of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InputError, OptionError, SourceLost
from app.frames import Frame
from app.sources.camera import Camera, Limits, Mode, OpenCVCapture, choose_mode
from app.sources.devices import CameraFormat, CameraInfo
from app.sources.live_base import create_live_source

pytestmark = pytest.mark.timeout(60)

LONG = 120.0
WEBCAM = CameraInfo(
    "0",
    "HD Webcam",
    "/dev/video0",
    (
        CameraFormat((1280, 720), (10.0,), "YUYV"),
        CameraFormat((640, 480), (30.0,), "YUYV"),
        CameraFormat((1280, 720), (30.0, 15.0), "MJPG"),
        CameraFormat((1920, 1080), (30.0,), "MJPG"),
    ),
)
# Patient where a test does not wait for the limit, for the machine may be busy.
PATIENT = Limits(LONG, LONG, LONG, black=4.0, frozen=5.0, closing=LONG)


class Cameras:
    """A system with some cameras."""

    def __init__(self, *cameras: CameraInfo) -> None:
        self.there = list(cameras)
        self.reason = "HD Webcam is in use by zoom (process 7); close it there."

    def cameras(self) -> Sequence[CameraInfo]:
        return list(self.there)

    def is_there(self, camera: CameraInfo) -> bool:
        return camera in self.there

    def trouble(self, camera: CameraInfo) -> str:
        return self.reason


Raw = npt.NDArray[np.uint8]
# What one read gives: a picture with its time, None for a failed read, an exception, or a call
# that gives one of these, and may block.
Answer = Any


class Driver:
    """Plays answers; then blocks until it is released by force at the test's end."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[Mode] = []
        self.opened: list[CameraInfo] = []
        self.released = 0
        self.refuses = False
        self.mode = Mode((1280, 720), 30.0, "MJPG")
        self.threads: set[int] = set()
        self.exhausted = threading.Event()
        self._changed = threading.Condition()
        self._over = False

    def open(self, camera: CameraInfo, mode: Mode) -> Driver | None:
        self.threads.add(threading.get_ident())
        self.opened.append(camera)
        self.asked.append(mode)
        return None if self.refuses else self

    def play(self, *answers: Answer) -> None:
        with self._changed:
            self.answers.extend(answers)
            self._changed.notify_all()

    def read(self) -> tuple[Raw, float] | None:
        self.threads.add(threading.get_ident())
        with self._changed:
            if not self.answers:
                self.exhausted.set()
            self._changed.wait_for(lambda: self.answers or self._over)
            if self._over:
                return None
            answer = self.answers.pop(0)
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def release(self) -> None:
        self.threads.add(threading.get_ident())
        self.released += 1

    def end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.end()


Make = Callable[..., Camera]


@pytest.fixture
def make(driver: Driver) -> Iterator[Make]:
    made = []

    def one(
        system: Cameras | None = None,
        limits: Limits = PATIENT,
        **options: Any,
    ) -> Camera:
        camera = Camera(
            Camera.Options(**options),
            cameras=Cameras(WEBCAM) if system is None else system,
            open_capture=driver.open,
            limits=limits,
        )
        made.append(camera)
        return camera

    yield one
    driver.end()
    for camera in made:
        camera.close()


def lively(index: int, *, size: tuple[int, int] = (64, 36)) -> Raw:
    return np.full((size[1], size[0], 3), (200, 20 + index % 200, 90), np.uint8)


def at(index: int) -> float:
    """When picture number `index` is taken: two a second."""
    return 100.0 + index / 2


def frame_of(camera: Camera) -> Frame:
    frame = camera.read()
    assert frame is not None
    return frame


# ---- What is right ------------------------------------------------------------------------------


def test_pictures_come_as_rgb_with_the_drivers_time(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    driver.play((lively(0), at(0)))
    first = frame_of(camera)
    driver.play((lively(1), at(1)))
    second = frame_of(camera)
    assert first.rgb[0, 0].tolist() == [90, 20, 200]
    assert first.rgb.flags.c_contiguous
    assert (first.index, second.index) == (0, 1)
    assert (first.captured_at, second.captured_at) == (at(0), at(1))
    assert camera.description == "HD Webcam, 1280x720, 30 fps, MJPG"
    assert camera.rate == 30.0


def test_the_mode_that_gives_the_rate_is_asked_for(make: Make, driver: Driver) -> None:
    camera = make(size="1920x1080", fps=30.0)
    camera.open()
    assert driver.asked == [Mode((1920, 1080), 30.0, "MJPG")]


def test_a_reader_that_is_slow_gets_the_newest_picture(make: Make, driver: Driver) -> None:
    camera = make()
    driver.play(*((lively(index), at(index)) for index in range(10)))
    camera.open()
    assert driver.exhausted.wait(LONG)
    assert frame_of(camera).captured_at == at(9)


def test_times_grow_even_where_the_drivers_clock_does_not(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    times = []
    for index, taken in enumerate((5.0, 5.0, 4.0, 6.0)):
        driver.play((lively(index), taken))
        times.append(frame_of(camera).captured_at)
    assert times == sorted(set(times))
    assert times[-1] == 6.0


def test_the_size_may_change_and_grey_pictures_become_rgb(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    sizes = []
    grey = np.full((48, 64), 77, np.uint8)
    for index, raw in enumerate((lively(0), lively(1, size=(32, 20)), grey, grey[:, :, None])):
        driver.play((raw, at(index)))
        frame = frame_of(camera)
        sizes.append(frame.size)
    assert sizes == [(64, 36), (32, 20), (64, 48), (64, 48)]
    assert frame.rgb[0, 0].tolist() == [77, 77, 77]


def test_the_driver_is_used_from_one_thread_only_and_released(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    driver.play((lively(0), at(0)))
    frame_of(camera)
    driver.play(None)  # so that its read returns
    driver.end()
    camera.close()
    camera.close()
    assert driver.released == 1
    assert len(driver.threads) == 1
    assert threading.get_ident() not in driver.threads


def test_a_closed_camera_can_be_opened_again_and_counts_from_0(make: Make, driver: Driver) -> None:
    camera = make()
    for round_ in range(3):
        driver._over = False
        camera.open()
        driver.play((lively(round_), at(round_)))
        assert frame_of(camera).index == 0
        driver.end()
        camera.close()
    assert driver.released == 3


def test_it_is_called_camera_and_takes_a_name_a_size_and_a_rate() -> None:
    assert isinstance(create_live_source("camera,size=640x480"), Camera)
    camera = create_live_source("camera:HD Webcam,size=640x480,fps=15")
    assert camera.description == "HD Webcam"
    with pytest.raises(OptionError, match="auto or as in 1280x720"):
        create_live_source("camera:0,size=big")


def test_reading_before_opening_is_a_defect(make: Make) -> None:
    with pytest.raises(RuntimeError, match="before open"):
        make().read()


# ---- What goes wrong ----------------------------------------------------------------------------


def test_a_camera_that_is_not_there_is_lost_for_now(make: Make) -> None:
    system = Cameras()
    camera = make(system, device="brio")
    with pytest.raises(SourceLost, match="no camera 'brio'"):
        camera.open()
    camera.close()
    system.there.append(CameraInfo("2", "Logitech BRIO", "/dev/video2"))
    camera.open()


def test_a_name_that_fits_two_is_for_good(make: Make) -> None:
    camera = make(
        Cameras(CameraInfo("1", "BRIO a", "/dev/a"), CameraInfo("2", "BRIO b", "/dev/b")),
        device="brio",
    )
    with pytest.raises(InputError, match="Several cameras") as caught:
        camera.open()
    assert not isinstance(caught.value, SourceLost)


def test_a_camera_that_may_not_be_used_says_why_and_is_not_tried(
    make: Make, driver: Driver
) -> None:
    refused = CameraInfo("0", "HD Webcam", "/dev/video0", problem="You may not use HD Webcam.")
    with pytest.raises(SourceLost, match="You may not use HD Webcam"):
        make(Cameras(refused)).open()
    assert driver.opened == []


def test_a_busy_camera_names_who_has_it_and_opens_when_it_is_free(
    make: Make, driver: Driver
) -> None:
    camera = make()
    driver.refuses = True
    with pytest.raises(SourceLost, match="in use by zoom"):
        camera.open()
    camera.close()
    driver.refuses = False
    camera.open()
    driver.play((lively(0), at(0)))
    assert frame_of(camera).index == 0


def test_an_unplugged_camera_is_noticed_at_the_first_failed_read(
    make: Make, driver: Driver
) -> None:
    system = Cameras(WEBCAM)
    camera = make(system)
    camera.open()
    driver.play((lively(0), at(0)))
    frame_of(camera)
    system.there.clear()
    driver.play(None)
    with pytest.raises(SourceLost, match="HD Webcam was unplugged; plug it in again"):
        camera.read()
    camera.close()
    assert driver.released == 1


def test_a_driver_that_goes_on_after_an_unplug_is_not_believed(make: Make, driver: Driver) -> None:
    system = Cameras(WEBCAM)
    camera = make(system)
    camera.open()
    system.there.clear()
    driver.play((lively(0), at(0)))
    with pytest.raises(SourceLost, match="was unplugged"):  # noqa: PT012 - one picture may be left
        camera.read()
        camera.read()


def test_a_failed_read_now_and_then_is_forgiven(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    driver.play(None, None, (lively(0), at(0)))
    assert frame_of(camera).index == 0


def test_a_driver_that_raises_is_lost_with_its_own_words(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    driver.play(ValueError("bad header"))
    with pytest.raises(SourceLost, match=r"driver of HD Webcam failed \(bad header\)") as caught:
        camera.read()
    assert isinstance(caught.value.__cause__, ValueError)
    camera.close()
    assert driver.released == 1


def test_a_camera_that_falls_silent_is_lost_and_its_thread_named(
    make: Make, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(LONG, LONG, next_picture=0.05, closing=0.01)
    camera = make(limits=limits)
    camera._cameras.reason = "HD Webcam gives no pictures; unplug it."  # type: ignore[attr-defined]
    driver.play((lively(0), at(0)))
    camera.open()
    frame_of(camera)
    with pytest.raises(SourceLost, match="gives no pictures"):
        camera.read()
    with caplog.at_level(logging.WARNING):
        camera.close()
    assert "driver of HD Webcam does not return" in caplog.text
    # While the driver holds the thread, the camera is not opened a second time.
    with pytest.raises(SourceLost, match="does not answer"):
        camera.open()
    assert len(driver.opened) == 1
    # It comes back by itself once the driver does.
    driver.end()
    reader = camera._reader
    assert reader is not None
    assert reader.join(LONG)
    driver._over = False
    camera.open()
    assert len(driver.opened) == 2


def test_a_first_picture_that_never_comes_is_noticed(make: Make) -> None:
    camera = make(limits=Limits(LONG, first_picture=0.05, closing=0.01))
    camera.open()
    with pytest.raises(SourceLost, match="in use by zoom"):
        camera.read()


def test_a_driver_that_hangs_while_it_opens_is_noticed(make: Make, driver: Driver) -> None:
    hang = threading.Event()
    real_open = driver.open

    def slow_open(camera: CameraInfo, mode: Mode) -> Driver | None:
        hang.wait(LONG)
        return real_open(camera, mode)

    camera = make(limits=Limits(opening=0.05, closing=0.01))
    camera._open_capture = slow_open
    with pytest.raises(SourceLost, match="in use by zoom"):
        camera.open()
    camera.close()
    hang.set()


def test_black_pictures_are_noticed_after_a_while(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    noise = np.random.default_rng(1)

    def dark(index: int) -> tuple[Raw, float]:
        return noise.integers(0, 12, (36, 64, 3), np.uint8), at(index)

    for index in range(8):  # less than 4 s, at two a second
        driver.play(dark(index))
        frame_of(camera)
    driver.play((lively(0), at(8)))  # the light was on for a moment: it counts anew
    frame_of(camera)
    for index in range(9, 17):
        driver.play(dark(index))
        frame_of(camera)
    driver.play(dark(17))
    with pytest.raises(SourceLost, match="only black pictures; open its shutter"):
        camera.read()


def test_a_dark_room_with_a_lamp_in_it_is_not_black(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    for index in range(20):
        room = np.full((36, 64, 3), index % 3, np.uint8)
        room[4:12, 4:16] = 200
        driver.play((room, at(index)))
        frame_of(camera)


def test_the_same_picture_again_and_again_is_frozen(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    driver.play((lively(0), at(0)))
    frame_of(camera)
    for index in range(1, 11):  # up to 4.5 s of the same
        driver.play((lively(1), at(index)))
        frame_of(camera)
    driver.play((lively(1), at(11)))
    with pytest.raises(SourceLost, match="is frozen: it gives the same picture"):
        camera.read()


def test_a_still_scene_with_a_sensors_noise_is_not_frozen(make: Make, driver: Driver) -> None:
    camera = make()
    camera.open()
    noise = np.random.default_rng(1)
    for index in range(30):
        raw = lively(0) + noise.integers(0, 2, (36, 64, 3), np.uint8)
        driver.play((raw, at(index)))
        frame_of(camera)


def test_a_program_may_show_a_black_or_still_picture_for_ever(make: Make, driver: Driver) -> None:
    camera = make(Cameras(CameraInfo("4", "OBS", "/dev/video4", virtual=True)), device="4")
    camera.open()
    for index in range(30):
        driver.play((np.zeros((36, 64, 3), np.uint8), at(index)))
        frame_of(camera)


def test_a_read_that_waits_can_be_interrupted_until_the_next_open(
    make: Make, driver: Driver
) -> None:
    camera = make()
    camera.open()
    got: list[Frame | None] = []
    thread = threading.Thread(target=lambda: got.append(camera.read()))
    thread.start()
    camera.interrupt()
    thread.join(LONG)
    assert got == [None]
    driver.play((lively(0), at(0)))
    assert camera.read() is None
    driver.end()
    camera.close()
    driver._over = False
    camera.open()
    driver.play((lively(1), at(1)))
    assert frame_of(camera).index == 0


def test_an_opening_that_waits_can_be_interrupted(make: Make, driver: Driver) -> None:
    hang = threading.Event()
    hanging = threading.Event()

    def slow_open(camera: CameraInfo, mode: Mode) -> Driver | None:
        hanging.set()
        hang.wait(LONG)
        return None

    camera = make(limits=Limits(opening=LONG * 3, closing=0.01))
    camera._open_capture = slow_open
    thread = threading.Thread(target=camera.open)
    thread.start()
    assert hanging.wait(LONG)
    camera.interrupt()
    thread.join(LONG)
    assert not thread.is_alive()
    assert camera.read() is None
    camera.close()
    hang.set()


def test_interrupting_a_camera_that_is_not_open_is_harmless(make: Make) -> None:
    camera = make()
    camera.interrupt()
    camera.close()


# ---- The mode -----------------------------------------------------------------------------------


def test_uncompressed_is_taken_where_it_gives_the_rate_and_mjpg_where_not() -> None:
    formats = [
        CameraFormat((1280, 720), (30.0,), "MJPG"),
        CameraFormat((1280, 720), (29.97, 10.0), "YUYV"),
        CameraFormat((1280, 720), (60.0,), "H264"),
    ]
    assert choose_mode(formats, size=(1280, 720), rate=30).pixel_format == "YUYV"
    assert choose_mode(formats[:1] + formats[2:], size=None, rate=60) == Mode(
        (1280, 720), 30.0, "MJPG"
    )
    slow = [formats[0], CameraFormat((1280, 720), (10.0,), "YUYV")]
    assert choose_mode(slow, size=(1280, 720), rate=30).pixel_format == "MJPG"
    assert choose_mode(slow, size=(1280, 720), rate=10).pixel_format == "YUYV"
    forced = choose_mode(slow, size=(1280, 720), rate=30, pixel_format="YUYV")
    assert forced == Mode((1280, 720), 10.0, "YUYV")


def test_by_itself_a_smaller_size_with_the_full_rate_is_better() -> None:
    formats = [
        CameraFormat((1280, 720), (10.0,), "YUYV"),
        CameraFormat((640, 480), (30.0,), "YUYV"),
        CameraFormat((320, 240), (30.0,), "YUYV"),
    ]
    assert choose_mode(formats, size=None, rate=30) == Mode((640, 480), 30.0, "YUYV")
    # But who names a size gets it.
    assert choose_mode(formats, size=(1280, 720), rate=30) == Mode((1280, 720), 10.0, "YUYV")
    # Nothing has 60: then the size counts.
    assert choose_mode(formats, size=None, rate=60).size == (1280, 720)


def test_a_size_that_is_not_offered_becomes_the_next_larger_else_the_largest() -> None:
    formats = [CameraFormat(size, (30.0,), "MJPG") for size in ((640, 480), (1920, 1080))]
    assert choose_mode(formats, size=(800, 600), rate=30).size == (1920, 1080)
    assert choose_mode(formats, size=(3840, 2160), rate=30).size == (1920, 1080)


def test_without_a_list_what_is_wanted_is_asked_for() -> None:
    assert choose_mode([], size=None, rate=25) == Mode((1280, 720), 25, None)
    unknown = [CameraFormat((640, 480), (30.0,), "H264")]
    assert choose_mode(unknown, size=(320, 240), rate=25) == Mode((320, 240), 25, None)


_SIZES = st.sampled_from([(320, 240), (640, 480), (1280, 720), (1920, 1080)])
_RATES = st.lists(st.sampled_from([5.0, 10.0, 15.0, 29.97, 30.0, 60.0]), unique=True, max_size=4)


@given(
    formats=st.lists(
        st.builds(
            CameraFormat,
            size=_SIZES,
            rates=_RATES.map(tuple),
            pixel_format=st.sampled_from(["MJPG", "YUYV", "NV12", "H264", "YVYU", "GREY"]),
        ),
        max_size=8,
    ),
    size=st.none() | _SIZES,
    rate=st.sampled_from([10.0, 30.0, 60.0]),
)
def test_what_is_chosen_is_something_that_the_camera_offers(
    formats: list[CameraFormat], size: tuple[int, int] | None, rate: float
) -> None:
    mode = choose_mode(formats, size=size, rate=rate)
    known = [item for item in formats if item.pixel_format not in ("H264", "YVYU")]
    if not known:
        assert mode == Mode(size or (1280, 720), rate, None)
        return
    offered = [
        item for item in known if item.size == mode.size and item.pixel_format == mode.pixel_format
    ]
    assert any(mode.rate in (item.rates or (rate,)) for item in offered)
    if size in {item.size for item in known}:
        assert mode.size == size


# ---- OpenCV -------------------------------------------------------------------------------------


class VideoCapture:
    """What cv2.VideoCapture answers to reading. position: milliseconds, as CAP_PROP_POS_MSEC."""

    def __init__(self, good: bool, picture: Raw | None, position: float) -> None:
        self._answer = good, picture
        self._position = position
        self.released = False

    def read(self) -> tuple[bool, Raw | None]:
        return self._answer

    def get(self, number: int) -> float:
        return self._position

    def release(self) -> None:
        self.released = True


def capture(fake: Any, *, steady: bool = True) -> OpenCVCapture:
    return OpenCVCapture(fake, Mode((4, 4), 30), steady=steady)


def test_the_kernels_own_time_is_used_where_it_can_be_ours() -> None:
    now = time.monotonic()
    taken = capture(VideoCapture(True, lively(0), (now - 0.02) * 1000)).read()
    assert taken is not None
    assert taken[1] == pytest.approx(now - 0.02, abs=1e-6)


@pytest.mark.parametrize("position", [0.0, -1.0, 1e15])
def test_another_clocks_time_is_not_used(position: float) -> None:
    before = time.monotonic()
    taken = capture(VideoCapture(True, lively(0), position)).read()
    assert taken is not None
    assert before <= taken[1] <= time.monotonic()


def test_a_failed_or_empty_read_gives_nothing() -> None:
    assert capture(VideoCapture(False, lively(0), 0)).read() is None
    assert capture(VideoCapture(True, None, 0)).read() is None
    assert capture(VideoCapture(True, np.empty((0, 0, 3), np.uint8), 0)).read() is None


def test_opencv_itself_refuses_a_device_that_is_not_there(tmp_path: Any) -> None:
    from app.sources.camera import open_with_opencv

    nothing = CameraInfo("99", "Nothing", str(tmp_path / "video99"))
    assert open_with_opencv(nothing, Mode((640, 480), 30.0, "MJPG")) is None
