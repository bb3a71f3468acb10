"""HDR and wide-gamut colors as BT.709 SDR: one 3D look-up table, applied by FFmpeg.

The steps, each from its standard:

1. Light of the display, in nits: BT.2100's HLG (inverse OETF, then the OOTF of a display of 1000
   nits, gamma 1.2) or PQ (SMPTE ST 2084); 203 nits are SDR white (BT.2408).
2. Exposure: a clip whose mean is brighter than a well-exposed SDR picture's is darkened to that
   mean, but never further than until its peak is SDR white. Without this step a clip that was
   graded up to 1000 nits would be one white area.
3. Highlights: the EETF of BT.2390 on the largest of R, G and B, all three scaled alike, from the
   clip's measured peak down to SDR white.
4. Gamut: the matrix between the primaries; what lies outside BT.709 is desaturated.
5. The inverse of BT.1886 (gamma 2.4).

The mean and the peak follow the clip within seconds, so that a table is made again only where the
light really changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from app.frames import RGB
from app.sources.base import ColourTags

Floats = npt.NDArray[np.float64]

PQ, HLG = 16, 18  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67
SDR_WHITE = 203.0  # nits
_HLG_PEAK = 1000.0  # nits, of the display that HLG is meant for
_HLG_GAMMA = 1.2
# The mean of a well-exposed SDR picture, as a share of SDR white.
_SDR_MEAN = 0.22
PLANAR = "gbrp16le"  # what FFmpeg does fastest
_LEVEL = 6  # of the Hald table: 36 steps a channel
_FOLLOW = 0.04  # share of a new frame in the running mean: about a second
_NOTICEABLE = 0.03
_UNIT = Fraction(1, 1000)

_LUMA = {
    1: (0.2126, 0.7152, 0.0722),
    9: (0.2627, 0.6780, 0.0593),
    11: (0.2095, 0.7216, 0.0689),
    12: (0.2290, 0.6917, 0.0793),
}
# CIE xy of red, green, blue and white: BT.2020, P3 with the theater's and with D65's white.
_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), (0.3127, 0.3290)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3140, 0.3510)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)),
}


def is_hdr(tags: ColourTags) -> bool:
    return tags.transfer in (PQ, HLG)


def needs_conversion(tags: ColourTags) -> bool:
    """Whether the numbers mean other light than BT.709's: HDR, or primaries that are wider."""
    return is_hdr(tags) or tags.primaries in (9, 11, 12)


def name_as_words(tags: ColourTags) -> str:
    """For a sentence: "HDR (HLG)"."""
    if is_hdr(tags):
        return f"HDR ({'PQ' if tags.transfer == PQ else 'HLG'})"
    return f"wide-gamut ({'BT.2020' if tags.primaries == 9 else 'P3'})"


@dataclass(frozen=True)
class Light:
    """What is known of a clip's light, as shares of SDR white: its mean and its peak."""

    mean: float
    peak: float

    @property
    def exposure(self) -> float:
        """What all light is multiplied by: never so little that the peak is darker than white."""
        if self.mean <= 0:
            return 1.0
        return min(1.0, max(_SDR_MEAN / self.mean, 1.0 / self.peak))


class ToneMap:
    """Frames of one clip, or one picture, to 8-bit RGB in BT.709.

    tags: transfer and primaries of what comes; its matrix and range are undone already.
    """

    def __init__(self, tags: ColourTags) -> None:
        # HDR is BT.2020 by definition, whether or not the primaries are tagged.
        unsaid = is_hdr(tags) and tags.primaries not in _PRIMARIES
        self._tags = replace(tags, primaries=9) if unsaid else tags
        self._light: Light | None = None
        self._used: Light | None = None
        self._graph: tuple[Graph, FilterContext, FilterContext] | None = None
        self._shape: tuple[int, int] | None = None
        self._count = 0

    def __call__(self, frame: VideoFrame) -> RGB:
        """uint8 (H, W, 3) of a frame in PLANAR, full range. The frame's time is lost."""
        self._follow(frame)
        size = (frame.width, frame.height)
        if self._graph is None or self._shape != size:
            self._graph, self._shape = self._make_graph(size), size
        _, source, sink = self._graph
        # The filter pairs frames and table by their times: the table is at 0, frames follow.
        frame.pts, frame.time_base = self._count, _UNIT
        self._count += 1
        source.push(frame)
        mapped = sink.pull()
        assert isinstance(mapped, VideoFrame)
        return np.asarray(mapped.to_ndarray(format="rgb24"), dtype=np.uint8)

    def _follow(self, frame: VideoFrame) -> None:
        if not is_hdr(self._tags):
            return
        step = max(1, frame.height // 90)
        planes = [
            np.frombuffer(memoryview(plane), np.uint16).reshape(frame.height, -1)[
                ::step, : frame.width : step
            ]
            for plane in (frame.planes[2], frame.planes[0], frame.planes[1])
        ]
        now = measure(np.stack(planes, -1), self._tags)
        if self._light is None:
            self._light = now
        else:
            peak = max(now.peak, self._light.peak + _FOLLOW * (now.peak - self._light.peak))
            mean = self._light.mean + _FOLLOW * (now.mean - self._light.mean)
            self._light = Light(mean, peak)
        used = self._used
        if used is None or not (
            _near(used.exposure, self._light.exposure) and _near(used.peak, self._light.peak)
        ):
            self._used = self._light
            self._graph = None

    def _make_graph(self, size: tuple[int, int]) -> tuple[Graph, FilterContext, FilterContext]:
        table = hald(self._tags, self._used)
        # FFmpeg (8.0 and 8.1) reads the planes of a planar table in this order.
        table = np.ascontiguousarray(table[..., (2, 0, 1)])
        clut = VideoFrame.from_ndarray(table, "rgb48le").reformat(format=PLANAR)
        graph = Graph()
        source = graph.add_buffer(
            width=size[0],
            height=size[1],
            format=VideoFormat(PLANAR),
            time_base=_UNIT,
            name="picture",
        )
        colors = graph.add_buffer(
            width=clut.width, height=clut.height, format=clut.format, time_base=_UNIT, name="clut"
        )
        mapper = graph.add("haldclut", "interp=tetrahedral")
        sink = graph.add("buffersink")
        source.link_to(mapper, 0, 0)
        colors.link_to(mapper, 0, 1)
        mapper.link_to(sink)
        graph.configure()
        clut.pts = 0
        clut.time_base = _UNIT
        colors.push(clut)
        colors.push(None)
        return graph, source, sink


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _NOTICEABLE * max(one, other)


def tone_map_picture(picture: npt.NDArray[np.uint16], tags: ColourTags) -> RGB:
    """A picture by itself: uint16 (H, W, 3), full range, coded as `tags` say -> uint8, BT.709."""
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb48le")
    return ToneMap(tags)(frame.reformat(format=PLANAR))


def measure(picture: npt.NDArray[np.uint16], tags: ColourTags) -> Light:
    """The light of a coded picture, uint16 (..., 3)."""
    light = to_light(picture.reshape(-1, 3) / 65535.0, tags)
    peak = float(light.max(initial=0.0))
    return Light(float((light @ _luma(tags)).mean()), max(1.0, peak))


def hald(tags: ColourTags, light: Light | None) -> npt.NDArray[np.uint16]:
    """The table as a picture for FFmpeg's `haldclut`: red counts fastest, then green, then blue."""
    steps = _LEVEL**2
    ramp = np.linspace(0.0, 1.0, steps)
    blue, green, red = np.meshgrid(ramp, ramp, ramp, indexing="ij")
    coded = np.stack([red, green, blue], -1).reshape(-1, 3)
    mapped = to_sdr(to_light(coded, tags), tags, light)
    side = _LEVEL**3
    return (mapped * 65535.0).round().astype(np.uint16).reshape(side, side, 3)


def to_light(coded: Floats, tags: ColourTags) -> Floats:
    """Coded R'G'B' in 0..1, (N, 3) -> light of the display, linear, 1 is SDR white."""
    if tags.transfer == PQ:  # SMPTE ST 2084
        return _pq_to_nits(coded) / SDR_WHITE
    if tags.transfer == HLG:  # BT.2100, table 5
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(coded <= 0.5, coded**2 / 3.0, (np.exp((coded - c) / a) + b) / 12.0)
        luminance = np.maximum(scene @ np.array(_LUMA[9]), 1e-9)[:, None]
        nits: Floats = _HLG_PEAK * luminance ** (_HLG_GAMMA - 1.0) * scene
        return nits / SDR_WHITE
    return coded**2.4  # BT.1886


def to_sdr(light: Floats, tags: ColourTags, clip: Light | None) -> Floats:
    """Light in the clip's primaries, (N, 3) -> R'G'B' of BT.709 in 0..1."""
    if is_hdr(tags):
        assert clip is not None
        light = light * clip.exposure
        largest = np.maximum(light.max(-1), 1e-9)
        light = light * (bt2390(largest, max(1.0, clip.peak * clip.exposure)) / largest)[:, None]
    light = light @ _to_bt709(tags.primaries).T
    luminance = np.clip(light @ np.array(_LUMA[1]), 0.0, 1.0)[:, None]
    # Toward grey of the same luminance, as far as the color needs.
    low, high = light.min(-1, keepdims=True), light.max(-1, keepdims=True)
    below = np.where(low < 0, luminance / np.maximum(luminance - low, 1e-9), 1.0)
    above = np.where(high > 1, (1 - luminance) / np.maximum(high - luminance, 1e-9), 1.0)
    light = luminance + (light - luminance) * np.minimum(below, above)
    result: Floats = np.clip(light, 0.0, 1.0) ** (1 / 2.4)
    return result


def bt2390(light: Floats, peak: float) -> Floats:
    """The EETF of BT.2390-10, 5.4.1: light up to `peak` into 0..1, both as shares of SDR white."""
    top = _nits_to_pq(np.array(peak * SDR_WHITE))
    white = float(_nits_to_pq(np.array(SDR_WHITE)) / top)
    knee = 1.5 * white - 0.5
    x = np.minimum(_nits_to_pq(light * SDR_WHITE) / top, 1.0)
    t = np.maximum(x - knee, 0.0) / max(1.0 - knee, 1e-9)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1.0 - knee)
        + (3 * t**2 - 2 * t**3) * white
    )
    return _pq_to_nits(np.where(x < knee, x, spline) * top) / SDR_WHITE


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_to_nits(coded: Floats) -> Floats:
    power = np.maximum(coded, 0.0) ** (1 / _M2)
    nits: Floats = 10_000 * (np.maximum(power - _C1, 0.0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return nits


def _nits_to_pq(nits: Floats) -> Floats:
    power = np.maximum(nits / 10_000, 0.0) ** _M1
    coded: Floats = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return coded


def _luma(tags: ColourTags) -> Floats:
    return np.array(_LUMA.get(tags.primaries, _LUMA[1]))


def _to_bt709(primaries: int) -> Floats:
    if primaries not in _PRIMARIES:
        return np.eye(3)
    return np.asarray(np.linalg.inv(_to_xyz(1)) @ _to_xyz(primaries))


def _to_xyz(primaries: int) -> Floats:
    """Linear RGB -> XYZ, white at (1, 1, 1) whatever the primaries' own white is."""
    *colors, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _PRIMARIES[primaries])
    matrix = np.stack(colors, 1)
    scaled = matrix * np.linalg.solve(matrix, white)
    if primaries == 11:
        # P3's theater white becomes D65 (von Kries, in XYZ: the two are close).
        x, y = _PRIMARIES[1][3]
        scaled = np.diag(np.array([x / y, 1.0, (1 - x - y) / y]) / white) @ scaled
    return np.asarray(scaled)
