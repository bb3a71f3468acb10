"""Whoever chooses a background to hide the room is never seen in it, whatever the background does.

The lower right corner of the scripted camera's picture is the room, and red; what hides it in an
emergency is blue here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import live
from app.backgrounds.base import Background, backgrounds, shows_room
from app.backgrounds.color import Color
from app.errors import InputError, MattecamError
from app.outputs.base import Picture

MakeRig = Callable[..., Any]
RED, BLUE = (200, 0, 0), (0, 0, 255)


def corner(picture: Picture) -> tuple[int, ...]:
    return tuple(int(value) for value in picture[-1, -1][:3])


@pytest.fixture(autouse=True)
def blue_is_safe(monkeypatch: pytest.MonkeyPatch, stamp_engines: Any) -> None:
    assert live._SAFE_BACKGROUND == "blur"
    monkeypatch.setattr(live, "_SAFE_BACKGROUND", "color:#0000ff")


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, type[Background]], None]:
    """Makes a background known for this test."""

    def add(name: str, kind: type[Background]) -> None:
        known = dict(backgrounds._entries)
        monkeypatch.setattr(backgrounds, "_entries", known)
        backgrounds.register(name, title=name)(kind)

    backgrounds.entries()
    return add


def see_room(rig: Any) -> None:
    rig.see(lambda picture: corner(picture) == RED)


def see_only_blue_from_now_on(rig: Any) -> None:
    """The failure was told before this is called, so that what comes now is what stays."""
    rig.see_next_composite()
    rig.output.clear()
    for _ in range(3):
        assert corner(rig.see_next_composite()) == BLUE


@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_a_file_that_cannot_be_opened_hides_the_room_and_then_it_is_told(
    make_rig: MakeRig, tmp_path: Path, kind: str, content: bytes | None
) -> None:
    rig = make_rig(background="original")
    rig.run()
    see_room(rig)
    file = tmp_path / "beach.png"
    if content is not None:
        file.write_bytes(content)
    rig.pipeline.apply(rig.pipeline.settings.but(background=f"{kind}:{file}"))
    failure = rig.heard.failure("background")
    assert isinstance(failure.error, MattecamError)
    assert "blurred" in failure.remedy
    see_only_blue_from_now_on(rig)


def test_the_room_is_hidden_while_the_file_is_still_read(
    make_rig: MakeRig, register: Callable[..., None]
) -> None:
    asked, may_open = threading.Event(), threading.Event()

    class Slow(Color):
        def open(self) -> None:
            asked.set()
            may_open.wait(20)

    register("slow", Slow)
    rig = make_rig(background="original")
    rig.run()
    see_room(rig)
    rig.pipeline.apply(rig.pipeline.settings.but(background="slow:#00ff00"))
    assert asked.wait(20)
    see_only_blue_from_now_on(rig)
    may_open.set()
    rig.see(lambda picture: corner(picture) == (0, 255, 0))


def test_a_room_that_was_asked_for_first_does_not_come_after_what_hides_it(
    make_rig: MakeRig, register: Callable[..., None], tmp_path: Path
) -> None:
    asked, may_open = threading.Event(), threading.Event()

    class SlowRoom(backgrounds.entry("original").factory):  # type: ignore[misc]
        def open(self) -> None:
            asked.set()
            may_open.wait(20)

    register("slow-room", SlowRoom)
    rig = make_rig()
    rig.run()
    rig.pipeline.apply(rig.pipeline.settings.but(background="slow-room"))
    assert asked.wait(20)
    rig.pipeline.apply(rig.pipeline.settings.but(background=f"image:{tmp_path / 'gone.png'}"))
    rig.output.clear()
    may_open.set()
    rig.heard.failure("background")
    rig.see_next_composite()
    assert all(corner(picture) != RED for picture in rig.composites())


def test_a_stored_background_that_is_gone_hides_the_room_from_the_first_picture_on(
    make_rig: MakeRig, tmp_path: Path
) -> None:
    rig = make_rig(background=f"image:{tmp_path / 'gone.png'}")
    rig.run()
    rig.heard.failure("background")
    assert {corner(picture) for picture in rig.composites()} == {BLUE}


@pytest.mark.parametrize("error", [InputError("It broke."), OSError("the disk is gone")])
def test_a_background_that_breaks_while_it_is_shown_hides_the_room(
    make_rig: MakeRig, register: Callable[..., None], error: Exception
) -> None:
    breaks = threading.Event()

    class Fragile(Color):
        def render(self, cutout: Any) -> Any:
            if breaks.is_set():
                raise error
            return super().render(cutout)

    register("fragile", Fragile)
    rig = make_rig(background="fragile:#00ff00")
    rig.run()
    rig.output.clear()
    breaks.set()
    failure = rig.heard.failure("background")
    assert failure.error is error
    assert "blurred" in failure.remedy
    see_only_blue_from_now_on(rig)
    assert all(corner(picture) != RED for picture in rig.composites())


def test_a_clip_that_is_cut_off_in_the_middle_goes_on_as_a_still_picture(
    make_rig: MakeRig, tmp_path: Path
) -> None:
    import av

    clip = tmp_path / "waves.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuvj444p"
        for index in range(50):
            picture = np.random.default_rng(index).integers(0, 50, (36, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    clip.write_bytes(clip.read_bytes()[:30_000])
    rig = make_rig(background=f"video:{clip}")
    rig.run()
    for _ in range(20):
        assert corner(rig.see_next_composite())[0] < 100
    assert not [failure for failure in rig.heard.failures if failure.where == "compose"]


@pytest.mark.parametrize("broken", ["app.light.match.ColourMatch.touch", "app.compositing.blend"])
def test_light_and_blend_that_fail_show_the_neutral_picture(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    rig = make_rig(light=("match",))
    rig.run()

    def fail(*_: object, **__: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr(broken, fail)
    rig.heard.failure("compose")
    rig.output.clear()
    rig.see_card()
    assert rig.showed_only_cards()


def test_a_background_of_the_users_own_stays_where_another_one_cannot_be_opened(
    make_rig: MakeRig, tmp_path: Path
) -> None:
    picture = tmp_path / "green.png"
    Image.new("RGB", (64, 36), (0, 255, 0)).save(picture)
    rig = make_rig(background=f"image:{picture}")
    rig.run()
    rig.pipeline.apply(rig.pipeline.settings.but(background=f"image:{tmp_path / 'gone.png'}"))
    assert rig.heard.failure("background").remedy == ""
    assert corner(rig.see_next_composite()) == (0, 255, 0)


@pytest.mark.parametrize(
    ("spec", "shown"),
    [("original", True), ("blur", False), ("image:gone.jpg", False), ("?", False)],
)
def test_only_the_original_shows_the_room(spec: str, shown: bool) -> None:
    assert shows_room(spec) is shown
