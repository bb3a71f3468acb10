"""The pipeline while all is well: pairing, settings that change, privacy, start and stop."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest

from app.errors import OptionError
from app.frames import Composite, Frame
from app.live import LivePipeline, State
from app.settings import LiveSettings

LONG = 120.0
SIZE = (320, 180)

MakeRig = Callable[..., Any]


# ---- pictures and mattes -----------------------------------------------------------------------


@pytest.mark.parametrize("in_flight", [1, 2])
@pytest.mark.parametrize("temporal", ["off", "ofd"])
def test_picture_and_matte_belong_together(
    make_rig: MakeRig, stamp_engines: Any, temporal: str, in_flight: int
) -> None:
    rig = make_rig(temporal=temporal, in_flight=in_flight)
    rig.source.interval = 0.003
    rig.start()
    rig.see(lambda picture: rig.stamps(picture)[0] >= 60 and not (picture[0, 0] == 38).any())
    pairs = [rig.stamps(picture) for picture in rig.composites()]
    assert len({number for number, _ in pairs}) >= 5
    assert all(picture == matte for picture, matte in pairs)
    numbers = [number for number, _ in pairs]
    assert numbers == sorted(numbers)


def test_a_finished_matte_does_not_wait_for_the_next_frame(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    stamp_engines.gate.clear()
    rig.start()
    rig.source.interval = 0.005
    rig.source.feed_frames()
    assert stamp_engines.submitted.acquire(timeout=LONG)
    rig.source.interval = 0.0  # no frame comes any more
    stamp_engines.gate.set()
    rig.see_composite()


def test_without_a_free_request_the_newest_frame_waits_and_the_others_are_counted(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rig.run()
    stamp_engines.gate.clear()
    dropped = rig.pipeline.stats.whole().dropped.get("matting", 0)
    assert rig.heard.wait_for(
        lambda _: rig.pipeline.stats.whole().dropped.get("matting", 0) > dropped + 5
    )
    whole = rig.pipeline.stats.whole()
    stamp_engines.gate.set()
    assert whole.dropped["matting"] > 5
    assert "compose" not in whole.dropped or whole.dropped["compose"] < whole.dropped["matting"]


def test_a_size_that_changes_in_mid_stream_goes_through(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig(temporal="ofd")
    viewer = rig.another_output("me", private=False)
    rig.pipeline.add_output("me", viewer)
    rig.run()
    rig.see_composite(output=viewer)
    rig.source.size = (160, 120)
    rig.see(lambda picture: picture.shape == (120, 160, 3), output=viewer)
    # The virtual camera keeps its one size: the picture stands between black bars.
    boxed = rig.see(lambda picture: not picture[:, :20].any())
    assert boxed.shape == (SIZE[1], SIZE[0], 3)
    assert rig.pipeline.info.frame_size == (160, 120)
    assert not rig.heard.failures


def test_frames_that_are_not_newer_are_thrown_away_and_counted(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.start()
    old = rig.source.frame(captured_at=1.0)
    rig.source.feed(old, old, rig.source.frame(captured_at=0.5), rig.source.frame(captured_at=2.0))
    assert rig.heard.wait_for(lambda _: rig.pipeline.stats.whole().dropped.get("stale", 0) == 2)


def test_the_real_network_runs_live(make_rig: MakeRig, weights_file: Any) -> None:
    rig = make_rig(engine="auto", size="64x64", refine=True, temporal="ofd")
    rig.run()
    info = rig.pipeline.info
    assert info.engine is not None
    assert info.engine.engine != "null"
    assert info.weights == "mattecam-webcam"
    assert info.network_size == "64x64"
    assert info.delay_frames == 1
    assert rig.pipeline.state is State.RUNNING


# ---- settings that change ----------------------------------------------------------------------


def test_a_background_is_swapped_while_it_runs(make_rig: MakeRig, patient: None) -> None:
    rig = make_rig()
    rig.run()
    rig.pipeline.apply(rig.pipeline.settings.but(background="color:#0000ff"))
    rig.see(lambda picture: tuple(picture[-1, 0]) == (0, 0, 255))
    assert not rig.heard.failures
    assert rig.heard.states == [State.STARTING, State.RUNNING]
    assert rig.source.opened == 1


def test_of_many_changes_the_last_one_stays(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    for blue in range(200):
        rig.pipeline.apply(rig.pipeline.settings.but(background=f"color:0,0,{blue}"))
    rig.see(lambda picture: tuple(picture[-1, 0]) == (0, 0, 199))


def test_a_background_that_cannot_be_opened_leaves_the_former_one(
    make_rig: MakeRig, tmp_path: Any
) -> None:
    rig = make_rig()
    rig.run()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    rig.pipeline.apply(rig.pipeline.settings.but(background=f"image:{broken}"))
    assert "broken.png" in rig.heard.failure("background").sentence
    assert tuple(rig.see_next_composite()[-1, 0]) == (0, 177, 64)


def test_a_start_with_a_background_that_is_gone_hides_the_room_all_the_same(
    make_rig: MakeRig, tmp_path: Any
) -> None:
    rig = make_rig(background=f"image:{tmp_path / 'gone.png'}")
    rig.run()
    assert "gone.png" in rig.heard.failure("background").sentence
    # Bottom left: the ellipse is not there, the picture's red is blurred with the blocks above.
    assert rig.pipeline.state is State.RUNNING


def test_wrong_names_are_refused_at_once_and_change_nothing(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    before = rig.pipeline.settings
    for change in (
        {"background": "sunset"},
        {"temporal": "kalman"},
        {"engine": "magic"},
        {"outputs": ("teleporter",)},
    ):
        with pytest.raises(OptionError):
            rig.pipeline.apply(before.but(**change))
    assert rig.pipeline.settings is before
    rig.see_next_composite()


def test_another_source_restarts_capture_only(make_rig: MakeRig, stamp_engines: Any) -> None:
    rig = make_rig()
    rig.run()
    second = rig.another_source("two", interval=0.005)
    second.size = (160, 90)
    rig.pipeline.apply(rig.pipeline.settings.but(source="two"))
    assert second.wait_for(lambda source: source.opened == 1)
    assert rig.source.closed == 1
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.frame_size == (160, 90))
    rig.see_next_composite()
    assert len(stamp_engines.made) == 1


def test_another_engine_takes_over_without_a_gap(
    make_rig: MakeRig, stamp_engines: Any, patient: None
) -> None:
    rig = make_rig()
    rig.run()
    stamp_engines.may_open.clear()
    stamp_engines.opening.clear()
    rig.pipeline.apply(rig.pipeline.settings.but(size="64x64"))
    assert stamp_engines.opening.wait(LONG)
    # The former one works on while the new one loads.
    rig.see_next_composite()
    stamp_engines.may_open.set()
    assert rig.heard.wait_for(lambda _: len(stamp_engines.made) == 2)
    assert stamp_engines.made[0].closed.wait(LONG)
    rig.see_next_composite()
    assert rig.source.opened == 1
    assert rig.heard.states == [State.STARTING, State.RUNNING]


def test_results_of_an_engine_that_was_replaced_are_discarded(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rig.run()
    old_gate, stamp_engines.gate = stamp_engines.gate, threading.Event()
    stamp_engines.gate.set()
    old_gate.clear()  # what the old engine has in flight stays there
    rig.pipeline.apply(rig.pipeline.settings.but(size="64x64"))
    assert rig.heard.wait_for(lambda _: len(stamp_engines.made) == 2)
    newest = rig.stamps(rig.see_next_composite())[0]  # of the new one
    old_gate.set()  # a late result comes
    assert stamp_engines.made[0].closed.wait(LONG)
    rig.see(lambda picture: rig.stamps(picture)[0] > newest + 3)
    numbers = [rig.stamps(picture)[0] for picture in rig.composites()]
    assert numbers == sorted(numbers)


def test_an_engine_that_cannot_be_opened_leaves_the_former_one(
    make_rig: MakeRig, stamp_engines: Any, patient: None
) -> None:
    rig = make_rig()
    rig.run()
    stamp_engines.refuses = OptionError("This device is not here.")
    rig.pipeline.apply(rig.pipeline.settings.but(device="cuda"))
    assert rig.heard.failure("engine").sentence == "This device is not here."
    rig.see_next_composite()
    assert rig.pipeline.state is State.RUNNING


def test_the_filter_over_time_and_refinement_change_while_it_runs(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    assert rig.pipeline.info.delay_frames == 0
    rig.pipeline.apply(rig.pipeline.settings.but(temporal="ofd", refine=True))
    assert rig.pipeline.info.delay_frames == 1
    rig.see_next_composite()
    assert rig.heard.wait_for(lambda _: rig.pipeline.stats.recent().stages_ms["refine"].p95 > 0)
    assert not rig.heard.failures


def test_the_edge_moves_while_it_runs(make_rig: MakeRig) -> None:
    rig = make_rig(background="color:#ffffff")
    rig.run()

    def room() -> int:
        return int((rig.see_next_composite()[..., :3] == 255).all(axis=2).sum())

    before = room()
    rig.pipeline.apply(rig.pipeline.settings.but(edge="edge:-6"))
    assert any(room() > before for _ in range(50)), "the edge stayed where it was"


def test_mirror_is_for_the_others_and_leaves_you_alone(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig(mirror_output=True)
    viewer = rig.another_output("me", private=False)
    rig.pipeline.add_output("me", viewer)
    rig.run()
    seen = rig.see(
        lambda picture: rig.stamps(picture)[0] > 0 and picture[0, 0, 0] != 38, output=viewer
    )
    number = rig.stamps(seen)
    assert number[0] == number[1]
    rig.see(lambda picture: rig.stamps(picture[:, ::-1]) == number and picture[0, 0, 0] != 38)


def test_another_output_size_opens_the_virtual_camera_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    rig.pipeline.apply(rig.pipeline.settings.but(output_size=(640, 480)))
    rig.see(lambda picture: picture.shape == (480, 640, 3) and picture[0, 0, 0] != 38)
    assert rig.output.form.size == (640, 480)


def test_zoom_cuts_the_middle_out(make_rig: MakeRig) -> None:
    rig = make_rig(zoom=2.0)
    rig.run()
    assert rig.pipeline.info.frame_size == (160, 90)
    rig.pipeline.apply(rig.pipeline.settings.but(zoom=1.0))
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.frame_size == SIZE)


def test_outputs_come_and_go_while_it_runs(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    other = rig.another_output("other")
    rig.pipeline.add_output("other", other)
    rig.see_composite(output=other)
    with pytest.raises(OptionError, match="already"):
        rig.pipeline.add_output("other", other)
    rig.pipeline.remove_output("other")
    assert other.closed.acquire(timeout=LONG)
    rig.pipeline.remove_output("other")
    rig.see_next_composite()
    rig.pipeline.apply(rig.pipeline.settings.but(outputs=("null",)))
    assert rig.pipeline.outputs == ("cam", "null")
    assert rig.heard.wait_for(lambda _: rig.pipeline.stats.recent().outputs["null"].new > 0)
    rig.pipeline.apply(rig.pipeline.settings.but(outputs=()))
    assert rig.pipeline.outputs == ("cam",)


def test_a_transparent_background_is_black_for_who_knows_no_alpha(make_rig: MakeRig) -> None:
    rig = make_rig(background="transparent")
    rig.output.accepts_alpha = False
    seer = rig.another_output("seer")
    seer.accepts_alpha = True
    rig.pipeline.add_output("seer", seer)
    rig.run()
    assert tuple(rig.see_composite()[-1, 0]) == (0, 0, 0)
    clear = rig.see(lambda picture: picture.shape[2] == 4, output=seer)
    assert clear[-1, 0, 3] == 0
    assert clear[SIZE[1] // 2, SIZE[0] // 2, 3] == 255


# ---- privacy -----------------------------------------------------------------------------------


def test_a_virtual_camera_shows_the_neutral_picture_until_the_first_matte(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    stamp_engines.may_open.clear()
    rig.source.interval = 0.005
    rig.start()
    rig.see_card()
    # Resent in its pace, while frames come and no matte is there.
    assert rig.output.wait_for(lambda _: len(rig.output.written) > 5, LONG)
    assert rig.showed_only_cards()
    assert rig.pipeline.state is State.STARTING
    stamp_engines.may_open.set()
    rig.see_composite()
    assert rig.heard.state(State.RUNNING)


def test_the_preview_shows_bare_frames_until_the_first_matte(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rung = threading.Semaphore(0)
    preview = rig.pipeline.add_preview(rung.release)
    stamp_engines.may_open.clear()
    rig.source.interval = 0.005
    rig.start()
    assert rung.acquire(timeout=LONG)
    first = preview.take()
    assert isinstance(first, Frame)
    stamp_engines.may_open.set()
    rig.see_composite()
    picture: Any = None
    while not isinstance(picture, Composite):
        assert rung.acquire(timeout=LONG)
        picture = preview.take()
    preview.shown(picture)
    assert rig.pipeline.stats.whole().outputs["preview"].new == 1
    rig.pipeline.remove_preview(preview)


def test_pause_releases_the_source_and_hides_the_room_until_it_goes_on(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    rig.pipeline.pause()
    assert rig.source.wait_for(lambda source: source.closed == 1)
    assert rig.heard.state(State.PAUSED)
    rig.see_card()
    rig.output.clear()
    assert rig.output.wait_for(lambda _: len(rig.output.written) > 5, LONG)
    assert rig.showed_only_cards()
    rig.pipeline.resume()
    rig.see_composite()
    assert rig.heard.state(State.RUNNING, times=2)
    assert rig.source.opened == 2


def test_no_composite_follows_the_neutral_picture_of_a_pause(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    for _ in range(20):
        rig.pipeline.resume()
        rig.see_next_composite()
        rig.output.clear()
        rig.pipeline.pause()
        rig.see_card()
        kept = [tuple(item.picture[0, 0]) == (38, 42, 50) for item in rig.output.written]
        assert kept == sorted(kept), "a composite came after the card"


def test_freeze_holds_the_picture_for_the_others_only(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    viewer = rig.another_output("me", private=False)
    rig.pipeline.add_output("me", viewer)
    rig.run()
    rig.pipeline.freeze()
    assert rig.heard.state(State.FROZEN)
    rig.output.clear()
    viewer.clear()
    assert rig.output.wait_for(lambda _: len(rig.output.written) > 20, LONG)
    assert rig.see_composite(output=viewer) is not None
    held = {rig.stamps(picture)[0] for picture in rig.composites()[2:]}
    assert len(held) == 1
    rig.pipeline.resume()
    rig.see(lambda picture: rig.stamps(picture)[0] > max(held))


def test_be_right_back_is_shown_to_the_others(make_rig: MakeRig, tmp_path: Any) -> None:
    import cv2

    card = tmp_path / "card.png"
    cv2.imwrite(str(card), np.full((18, 32, 3), (255, 0, 255), np.uint8))
    rig = make_rig(card=str(card))
    rig.run()
    rig.pipeline.show_card()
    rig.see(lambda picture: tuple(picture[90, 160]) == (255, 0, 255))
    late = rig.another_output("late")
    rig.pipeline.add_output("late", late)
    rig.see(lambda picture: tuple(picture[90, 160]) == (255, 0, 255), output=late)
    rig.pipeline.resume()
    rig.see(lambda picture: tuple(picture[-1, 0]) == (0, 177, 64))


def test_a_card_that_cannot_be_read_gives_way_to_the_built_in_one(make_rig: MakeRig) -> None:
    rig = make_rig(card="nowhere.png")
    rig.run()
    rig.output.clear()
    rig.pipeline.show_card()
    rig.see_card()
    assert "nowhere.png" in rig.heard.failure("card").sentence


def test_a_stall_of_a_second_brings_the_neutral_picture(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    rig.source.interval = 0.0
    rig.output.clear()
    rig.see_card()
    assert rig.heard.state(State.STALLED)
    assert "no picture" in rig.heard.failure("source").sentence
    rig.source.feed_frames(1)
    rig.see_composite()
    assert rig.heard.state(State.RUNNING, times=2)


# ---- statistics --------------------------------------------------------------------------------


def test_what_is_resent_is_counted_apart(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.start()
    rig.see_card()
    # Fed until one goes through: frames before the engine is open are only for the preview.
    while not rig.composites():
        rig.source.feed_frames(1)
        rig.output.wait_for(lambda picture: bool(rig.composites()), 0.05)

    def told() -> Any:
        return rig.pipeline.stats.whole().outputs["cam"]

    assert rig.heard.wait_for(lambda heard: heard.snapshots and told().resent > 20)
    out = told()
    assert out.new <= rig.source.newest + 1
    assert out.latency_ms is not None
    assert rig.heard.snapshots[0].memory_mb > 10


# ---- start and stop ----------------------------------------------------------------------------


def test_stop_may_be_called_twice_and_start_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.pipeline.stop()
    rig.run()
    rig.pipeline.start()
    assert rig.pipeline.stop() == ()
    assert rig.pipeline.stop() == ()
    assert rig.pipeline.state is State.STOPPED
    assert rig.heard.states[-1] is State.STOPPED
    rig.output.clear()
    rig.start()
    rig.see_composite()
    assert rig.source.opened == 2
    assert rig.pipeline.stop() == ()


def test_two_who_stop_at_once_both_come_back(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    stoppers = [threading.Thread(target=rig.pipeline.stop) for _ in range(4)]
    for stopper in stoppers:
        stopper.start()
    for stopper in stoppers:
        stopper.join(LONG)
        assert not stopper.is_alive()


def test_a_callback_may_stop_the_pipeline(make_rig: MakeRig) -> None:
    rig = make_rig()
    left: list[tuple[str, ...]] = []
    done = threading.Event()

    def on_stats(_: object) -> None:
        if not done.is_set():
            left.append(rig.pipeline.stop())
            done.set()

    rig.pipeline._callbacks = type(rig.pipeline._callbacks)(on_stats=on_stats)
    rig.run()
    assert done.wait(LONG)
    assert left == [()]


def test_a_listener_that_raises_harms_nobody(
    make_rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig()

    def on_state_changed(state: State) -> None:
        raise ZeroDivisionError(state)

    rig.pipeline._callbacks = type(rig.pipeline._callbacks)(on_state_changed=on_state_changed)
    rig.run()
    rig.see_next_composite()
    assert "callback" in caplog.text


def test_what_is_held_comes_out_at_the_end(make_rig: MakeRig, stamp_engines: Any) -> None:
    rig = make_rig(temporal="ofd")
    viewer = rig.another_output("me", private=False)
    rig.pipeline.add_output("me", viewer)
    rig.run()
    rig.source.interval = 0.0
    assert rig.source.wait_for(lambda source: source.silent)
    newest = rig.source.newest
    # The filter holds the newest one back as long as no other comes.
    rig.see(lambda picture: rig.stamps(picture)[0] == newest - 1, output=viewer)
    rig.pipeline.stop()
    assert rig.stamps(viewer.written[-1].picture) == (newest, newest)


def test_callbacks_come_from_one_thread(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    rig.pipeline.stop()
    assert rig.heard.threads == {"mattecam-events"}


def test_starting_and_stopping_leaks_no_thread_and_no_handle(make_rig: MakeRig) -> None:
    def run_once() -> None:
        rig = make_rig()
        rig.run()
        assert rig.pipeline.stop() == ()

    run_once()
    gc.collect()
    process = psutil.Process()
    count = getattr(process, "num_fds", getattr(process, "num_handles", None))
    before, threads = count(), threading.active_count()
    for _ in range(20):
        run_once()
    gc.collect()
    assert threading.active_count() <= threads
    assert count() <= before + 1


def test_wrong_settings_are_refused_before_anything_starts() -> None:
    before = threading.active_count()
    for change in (
        {"background": "sunset"},
        {"outputs": ("teleporter",)},
        {"source": "file:clip.mp4,fps=fast"},
    ):
        pipeline = LivePipeline(LiveSettings(source="demo", engine="null").but(**change))
        with pytest.raises(OptionError):
            pipeline.start()
        assert pipeline.state is State.STOPPED
    assert threading.active_count() == before
