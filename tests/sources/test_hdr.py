"""HDR and wide-gamut clips are shown as SDR, and what is made of them says so."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.errors import InputError
from app.outputs.open import open_output
from app.sources.base import ColourTags
from app.sources.colour import CAN_MAKE_BT2020
from app.sources.tone_map import HLG, PQ, SDR_WHITE, bt2390, to_light, to_sdr, tone_map_picture
from app.sources.video_file import VideoFileSource

SKIN = (190, 157, 137)
COLORS = [(16, 16, 16), (60, 60, 60), (128, 128, 128), SKIN, (60, 90, 60), (40, 60, 120)]
BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)  # from BT.709, BT.2087


def coded(rgb, transfer: int, white: float = SDR_WHITE) -> np.ndarray:
    """uint16 of colors (N, 3) uint8 of SDR, as HDR of BT.2020 whose SDR white has `white` nits."""
    light = (np.asarray(rgb) / 255.0) ** 2.4 @ BT2020.T
    nits = light * white
    if transfer == PQ:
        power = (nits / 10_000) ** (2610 / 16384)
        value = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    else:
        luminance = np.maximum(nits @ [0.2627, 0.6780, 0.0593], 1e-9)[:, None] / 1000
        scene = nits / 1000 * luminance ** (-0.2 / 1.2)
        value = np.where(
            scene <= 1 / 12,
            np.sqrt(3 * scene),
            0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073,
        )
    return (np.clip(value, 0, 1) * 65535).round().astype(np.uint16)


def make_hdr(path: Path, values: np.ndarray, transfer: int, *, primaries: int = 9) -> Path:
    """Patches of 32x32, one for each row of `values`; four frames, 10 bits, BT.2020 matrix."""
    picture = np.repeat(np.repeat(values[None], 32, 0), 32, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], 32, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = 9, 1
        context.color_primaries, context.color_trc = primaries, transfer
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb48le").reformat(
                format="yuv420p10le", src_color_range=2, dst_colorspace=9, dst_color_range=1
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def patches(rgb: np.ndarray) -> np.ndarray:
    return rgb[16, 16::32].astype(int)


@pytest.mark.skipif(not CAN_MAKE_BT2020, reason="this PyAV cannot code BT.2020")
@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_what_is_sdr_in_an_hdr_clip_is_seen_as_it_was(tmp_path, transfer, caplog):
    path = make_hdr(tmp_path / "a.mov", coded(COLORS, transfer), transfer)
    with VideoFileSource(path) as clip:
        shown = patches(next(iter(clip)).rgb)
        assert clip.info.colour == ColourTags(1, 1, 1)
    assert np.abs(shown - COLORS).max() <= 5
    assert "is HDR" in caplog.text
    assert "tone-mapped to SDR" in caplog.text


@pytest.mark.skipif(not CAN_MAKE_BT2020, reason="this PyAV cannot code BT.2020")
@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_a_clip_that_was_graded_to_the_peak_is_not_pale(tmp_path, transfer):
    """A face of its own among others in their usual shares, five times as bright as SDR."""
    usual = [(20, 20, 20), (70, 60, 60), (120, 110, 100), SKIN, (190, 185, 180), (250, 250, 250)]
    path = make_hdr(tmp_path / "a.mov", coded(usual, transfer, white=1000), transfer)
    with VideoFileSource(path) as clip:
        shown = patches(next(iter(clip)).rgb)
    assert np.abs(shown[3] - SKIN).max() <= 22
    assert shown[5].min() > 200  # white stays white
    assert (np.diff(shown.mean(1)) > 0).all()


@pytest.mark.skipif(not CAN_MAKE_BT2020, reason="this PyAV cannot code BT.2020")
def test_a_color_put_behind_an_hdr_clip_is_the_one_that_was_asked_for(tmp_path):
    path = make_hdr(tmp_path / "a.mov", coded(COLORS, HLG), HLG)
    with VideoFileSource(path) as clip:
        written = tmp_path / "o.mp4"
        with open_output(written, size=clip.info.size, info=clip.info) as output:
            picture = np.full((32, clip.info.size[0], 3), (0, 177, 64), np.uint8)
            output.write(picture, index=0, captured_at=0.0)
    with av.open(str(written)) as container:
        frame = next(container.decode(video=0))
        tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
        seen = frame.to_ndarray(format="rgb24", src_colorspace=1)[16, 16]
    assert tags == (1, 1, 1, 1)
    assert np.abs(seen.astype(int) - (0, 177, 64)).max() <= 2


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_highlights_keep_their_order_and_their_hue(transfer):
    ramp = coded(np.repeat(np.linspace(0, 255, 64)[:, None], 3, 1), transfer, white=1000)
    shown = tone_map_picture(np.repeat(ramp[None], 8, 0), ColourTags(9, 9, transfer))[0]
    assert (np.diff(shown[:, 0].astype(int)) >= 0).all()
    assert np.ptp(shown.astype(int), axis=1).max() <= 1  # grey stays grey
    bright = to_sdr(
        to_light(coded([(250, 120, 60)], transfer, white=800) / 65535, ColourTags(9, 9, transfer)),
        ColourTags(9, 9, transfer),
        measured(transfer),
    )[0]
    assert bright[0] > bright[1] > bright[2]


def measured(transfer):
    from app.sources.tone_map import measure

    return measure(
        coded([(250, 120, 60), (20, 20, 20)], transfer, white=800), ColourTags(9, 9, transfer)
    )


def test_bt2390_is_the_identity_below_its_knee_and_ends_at_white():
    light = np.array([0.01, 0.1, 0.4, 1000 / SDR_WHITE])
    mapped = bt2390(light, 1000 / SDR_WHITE)
    assert mapped[:3] == pytest.approx(light[:3], rel=1e-3)
    assert mapped[3] == pytest.approx(1.0, abs=1e-3)


def test_the_table_is_applied_channel_by_channel_as_it_is_meant():
    """FFmpeg exchanges the planes of a planar table; see ToneMap."""
    values = np.array([[(60000, 20000, 9000), (9000, 50000, 20000), (3000, 9000, 40000)]] * 4)
    tags = ColourTags(1, 12, 1)  # P3
    shown = tone_map_picture(values.astype(np.uint16), tags)[0] / 255
    right = to_sdr(to_light(values[0] / 65535, tags), tags, None)
    assert shown == pytest.approx(right, abs=0.012)


@pytest.mark.skipif(not CAN_MAKE_BT2020, reason="this PyAV cannot code BT.2020")
def test_wide_gamut_becomes_bt709(tmp_path, caplog):
    values = ((np.array(COLORS) / 255) ** 2.4 @ BT2020.T) ** (1 / 2.4)
    path = make_hdr(tmp_path / "a.mov", (values * 65535).astype(np.uint16), 14)
    with VideoFileSource(path) as clip:
        shown = patches(next(iter(clip)).rgb)
        assert clip.info.colour == ColourTags(1, 1, 1)
    assert np.abs(shown - COLORS).max() <= 5
    assert "wide-gamut" in caplog.text


def test_a_clip_is_tone_mapped_alike_however_often_it_is_played(tmp_path):
    path = make_hdr(tmp_path / "a.mov", coded(COLORS, PQ), PQ)
    with VideoFileSource(path) as clip:
        passes = [[frame.rgb for frame in clip] for _ in range(2)]
    assert all(np.array_equal(one, other) for one, other in zip(*passes, strict=True))


@pytest.mark.parametrize(("matrix", "name"), [(8, "YCgCo"), (14, "ICtCp")])
def test_colors_that_cannot_be_decoded_are_refused(tmp_path, matrix, name):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv444p"
        stream.codec_context.colorspace = matrix
        frame = av.VideoFrame(32, 32, "yuv444p")
        frame.colorspace, frame.pts, frame.time_base = matrix, 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match=name), VideoFileSource(path):
        pass
