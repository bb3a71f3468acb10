"""One clock for a file whose clock jumps: joined MPEG-TS, DVDs, recordings of television.

Packets come in the order of the file, and go on with times that are continuous: where the clock of
the pictures jumps, a new stretch begins, whose first picture follows one interval after the last
one of the stretch before. The sound takes the same shift as the pictures beside it, so that both
stay together.

What is a jump: time that goes back, in every format; in formats whose clock is a broadcaster's
(FFmpeg's AVFMT_TS_DISCONT), also time that leaps forward while nothing sounds. A pause elsewhere,
an edit list or a variable rate is what the file means, and is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from av.packet import Packet
from av.stream import Stream

AnyPacket: TypeAlias = "Packet[Any]"

_BACK = Fraction(1, 10)  # seconds that muxers get wrong by themselves
_FORWARD = Fraction(1)
_STEADY_FORWARD = Fraction(1, 4)  # where pictures came at one rate, beside sound
_INSIDE = Fraction(1, 2)  # sound that goes on so far into a gap shows that the clock goes on
_LONG_FORWARD = Fraction(10)  # where pictures come at no steady rate, and nothing sounds
_NEAR = Fraction(1, 20)
_REORDERED = Fraction(2)  # the longest that a picture waits to be shown after it is decoded
# Packets that are held until a jump is understood. Pictures and sound lie this close to each other.
_MOST_HELD = 600


@dataclass
class _Pictures:
    """Where the clock of the pictures is, in the file's own seconds."""

    interval: Fraction
    decoded: Fraction | None = None  # the last packet's decoding time
    timed_end: Fraction | None = None  # where the latest picture ends, of those with a time
    untimed: int = 0  # pictures since, of which it is not known
    shown: deque[Fraction] = field(default_factory=lambda: deque(maxlen=32))  # the latest pictures
    steps: set[Fraction] = field(default_factory=set)  # between packets of this stretch

    def take(self, packet: AnyPacket) -> None:
        shown = presentation_time(packet)
        if shown is None:
            return
        time = decoding_time(packet)
        if time is None:
            time = self.decoded
        elif self.decoded is not None and 0 < time - self.decoded < _FORWARD:
            self.interval = time - self.decoded
            if len(self.steps) < 16:
                self.steps.add(self.interval)
        self.decoded = time
        self.shown.append(shown)
        length = packet.duration * packet.time_base if packet.duration else self.interval
        if packet.pts is None:
            self.untimed += 1
        elif self.timed_end is None or shown + length > self.timed_end:
            if self.timed_end is not None and shown > self.timed_end + self.interval / 2:
                self.untimed = 0  # they came before this one
            self.timed_end = shown + length

    @property
    def end(self) -> Fraction | None:
        """Where the latest picture ends."""
        return None if self.timed_end is None else self.timed_end + self.untimed * self.interval

    @property
    def are_steady(self) -> bool:
        return bool(self.steps) and max(self.steps) <= min(self.steps) * Fraction(5, 4)


@dataclass
class _Sound:
    """Where one sound track is. stretch: which of the pictures' it belongs to."""

    stretch: int = 0
    own_shift: Fraction = Fraction(0)
    end: Fraction | None = None  # in the file's own seconds
    held: list[AnyPacket] = field(default_factory=list)


class ContinuousClock:
    """Shifts the times of packets in place, and gives them on.

    pictures: the stream that leads, None where only sound is read. sounds: the others.
    leaps: whether the format's clock may leap forward. is_program_stream: MPEG-PS.
    """

    def __init__(
        self,
        pictures: Stream | None,
        sounds: Sequence[Stream],
        *,
        leaps: bool,
        is_program_stream: bool = False,
        rate: Fraction = Fraction(25),
    ) -> None:
        self._pictures = None if pictures is None else pictures.index
        self._leaps = leaps
        self._is_program_stream = is_program_stream
        self._led = _Pictures(1 / rate)
        self._shifts = [Fraction(0)]
        self._sounds = {stream.index: _Sound() for stream in sounds}
        self._latest_sound: Fraction | None = None
        self._held: list[AnyPacket] = []
        self.jumps = 0

    def mend(self, packets: Iterator[AnyPacket]) -> Iterator[AnyPacket]:
        for packet in packets:
            if packet.size == 0:  # a stream's end
                yield from self._release()
                yield from self._let_sound_go()
                yield packet
                continue
            if self._is_program_stream and packet.stream_index == self._pictures:
                self._correct(packet)
            self._held.append(packet)
            if len(self._held) > 1:
                if self._is_understood():
                    yield from self._release()
            elif not self._begins_jump(packet):
                yield from self._release()
        yield from self._release()
        yield from self._let_sound_go()

    def _correct(self, packet: AnyPacket) -> None:
        """MPEG-PS gives the last pictures before a jump a time that belongs after it."""
        shown, decoded = presentation_time(packet), decoding_time(packet)
        if shown is None or decoded is None or abs(shown - decoded) < _REORDERED:
            return
        # A picture that is shown as soon as it is decoded, unless another is shown then already:
        # the decoder then tells where it comes.
        packet.pts = None if decoded in self._led.shown else packet.dts

    def _begins_jump(self, packet: AnyPacket) -> bool:
        if packet.stream_index != self._pictures:
            return False
        time, last = decoding_time(packet), self._led.decoded
        if last is None:
            return False
        if time is None and self._leaps:
            # MPEG-PS times some pictures only. They are shown a few pictures later at most.
            time, end = presentation_time(packet), self._led.end
            assert end is not None
            return time is not None and not end - _FORWARD < time < end + _FORWARD
        if time is None:
            return False
        after = _STEADY_FORWARD if self._sounds and self._led.are_steady else _FORWARD
        return time < last - _BACK or (self._leaps and time > last + after)

    def _is_understood(self) -> bool:
        """Whether what is held tells where the new stretch's first picture and sound are."""
        if len(self._held) > _MOST_HELD:
            return True
        first = presentation_time(self._held[0])
        assert first is not None
        jumped = decoding_time(self._held[0]) or first
        last = self._led.decoded
        assert last is not None
        if jumped > last and self._sounds and not self._sound_is_past(first):
            return False
        times = [
            decoding_time(packet)
            for packet in self._held[1:]
            if packet.stream_index == self._pictures
        ]
        # Later pictures are shown after they are decoded: none can come before these any more.
        return any(time is not None and (time >= first or time < jumped) for time in times)

    def _sound_times(self, held: Sequence[AnyPacket]) -> list[Fraction]:
        times = [presentation_time(p) for p in held if p.stream_index in self._sounds]
        return [time for time in (*times, self._latest_sound) if time is not None]

    def _sound_is_past(self, begins: Fraction) -> bool:
        """Whether sound has come that tells if the clock leapt to `begins`."""
        end = self._led.end
        assert end is not None
        margin = min(_INSIDE, (begins - end) / 3)
        return any(time > end + margin for time in self._sound_times(self._held))

    def _release(self) -> Iterator[AnyPacket]:
        """Gives what is held; a stretch that begins with it gets its shift first."""
        held, self._held = self._held, []
        if held and self._begins_jump(held[0]):
            self._begin_stretch(held)
        for place, packet in enumerate(held):
            if packet.stream_index == self._pictures:
                if place and self._begins_jump(packet):
                    # Another jump among them.
                    self._held = held[place:]
                    yield from self._release()
                    return
                self._led.take(packet)
                _shift(packet, self._shifts[-1])
                yield packet
            elif packet.stream_index in self._sounds:
                yield from self._sound(packet, self._sounds[packet.stream_index])
            else:
                yield packet

    def _begin_stretch(self, held: Sequence[AnyPacket]) -> None:
        led = self._led
        begins = presentation_time(held[0])
        assert begins is not None
        assert led.decoded is not None
        assert led.end is not None
        jumped = decoding_time(held[0]) or begins
        if jumped > led.decoded and not self._is_leap(led.end, begins, held):
            led.decoded = jumped
            return
        decoded = jumped
        for packet in held[1:]:
            if packet.stream_index != self._pictures:
                continue
            shown, time = presentation_time(packet), decoding_time(packet)
            if shown is None or time is None:
                continue
            if not decoded - _BACK < time < decoded + _FORWARD:
                break
            begins, decoded = min(begins, shown), time
        self._shifts.append(self._shifts[-1] + led.end - begins)
        self._led = _Pictures(led.interval)
        self._latest_sound = None
        self.jumps += 1

    def _is_leap(self, end: Fraction, begins: Fraction, held: Sequence[AnyPacket]) -> bool:
        """Whether the clock leapt, and not only the pictures paused, from `end` to `begins`."""
        gap = begins - end
        if not self._sounds or self._latest_sound is None:
            return gap > (_FORWARD if self._led.are_steady else _LONG_FORWARD)
        margin = min(_INSIDE, gap / 3)
        return not any(end + margin < time < begins - margin for time in self._sound_times(held))

    def _sound(self, packet: AnyPacket, track: _Sound) -> Iterator[AnyPacket]:
        time = presentation_time(packet)
        if time is not None and self._pictures is not None:
            self._latest_sound = (
                time if self._latest_sound is None else max(self._latest_sound, time)
            )
        if track.held:
            track.held.append(packet)
            if self._stretch_for(track, track.held[0]) is not None or (
                len(track.held) > _MOST_HELD
            ):
                yield from self._let_go(track)
            return
        if time is not None and self._has_jumped(track, time):
            if self._pictures is not None and self._stretch_for(track, packet) is None:
                # The pictures' clock will tell where this belongs.
                track.held.append(packet)
                return
            self._follow_jump(track, packet)
        yield self._shifted(track, packet)

    def _has_jumped(self, track: _Sound, time: Fraction) -> bool:
        if track.end is None:
            return False
        if track.stretch + 1 < len(self._shifts) and abs(time - track.end) > _NEAR:
            return True
        leaps = self._leaps or self._pictures is None
        return time < track.end - _BACK or (leaps and time > track.end + _FORWARD)

    def _stretch_for(self, track: _Sound, packet: AnyPacket) -> int | None:
        """The stretch that continues the track with this packet; None: none that is known."""
        time = presentation_time(packet)
        if time is None or track.end is None:
            return track.stretch
        wanted = track.end + self._shifts[track.stretch] + track.own_shift
        errors = {
            number: abs(time + self._shifts[number] - wanted)
            for number in range(track.stretch + 1, len(self._shifts))
        }
        if not errors:
            return None
        best = min(errors, key=lambda number: errors[number])
        # The tracks of a stretch may end, and those of the next begin, at somewhat other times.
        return best if errors[best] < _FORWARD * 2 else None

    def _follow_jump(self, track: _Sound, packet: AnyPacket) -> None:
        time = presentation_time(packet)
        assert time is not None
        assert track.end is not None
        stretch = self._stretch_for(track, packet)
        if stretch is not None:
            stays = abs(time - track.end)
            shift = self._shifts[track.stretch] + track.own_shift
            moves = abs(time + self._shifts[stretch] - track.end - shift)
            if moves < stays:
                track.stretch, track.own_shift = stretch, Fraction(0)
        elif time < track.end or self._pictures is None:
            track.own_shift += track.end - time
        # Else it is a pause of the sound alone.

    def _let_go(self, track: _Sound) -> Iterator[AnyPacket]:
        held, track.held = track.held, []
        for place, packet in enumerate(held):
            time = presentation_time(packet)
            if time is not None and self._has_jumped(track, time):
                if place and self._stretch_for(track, packet) is None:
                    track.held = held[place:]
                    return
                self._follow_jump(track, packet)
            yield self._shifted(track, packet)

    def _let_sound_go(self) -> Iterator[AnyPacket]:
        for track in self._sounds.values():
            while track.held:
                yield from self._let_go(track)

    def _shifted(self, track: _Sound, packet: AnyPacket) -> AnyPacket:
        time = presentation_time(packet)
        if time is not None:
            track.end = time + (packet.duration or 0) * packet.time_base
        _shift(packet, self._shifts[track.stretch] + track.own_shift)
        return packet


def decoding_time(packet: AnyPacket) -> Fraction | None:
    """Seconds; None where it is not known: presentation times jump where pictures are reordered."""
    return None if packet.dts is None else packet.dts * packet.time_base


def presentation_time(packet: AnyPacket) -> Fraction | None:
    """Seconds; the decoding time where only that is known."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None else ticks * packet.time_base


def _shift(packet: AnyPacket, seconds: Fraction) -> None:
    if not seconds:
        return
    ticks = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
