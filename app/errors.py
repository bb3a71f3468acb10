"""What can go wrong, as sentences that carry their remedy.

MattecamError
├── UsageError            2   the user asked for something that cannot be
│   └── OptionError       2   ... in an option of a registered part (background, filter, ...)
├── InputError            1   the source cannot be read: missing, empty, not a video, broken
│   └── SourceLost        1   ... for now: unplugged, busy, silent; live, it is tried again
├── OutputError           1   the result cannot be written
│   ├── OutputExists      1   ... because a file is there and --force was not given
│   ├── DiskFull          1   ... because the disk is full; what was written stays playable
│   └── OutputLost        1   ... for now: the device went away; live, it is opened again
├── WeightsError          1   the weights cannot be used
│   ├── WeightsMissing    1   ... they are not there
│   ├── WeightsCorrupt    1   ... truncated, or their checksum is wrong
│   └── WeightsForeign    1   ... they are not MODNet's, or not safe to open
├── FetchError            1   a download failed from every source
└── EngineError           1   the engine or device asked for is not available, or failed
    └── EngineUnavailable 1

Only the command line turns these into exit codes (the number above); nothing else exits.
The message is one or two sentences a user understands: what is wrong, then what to do.
"""

from __future__ import annotations

from app.plain_text import readable


class MattecamError(Exception):
    """The root: everything that is told to the user in a sentence."""

    exit_code = 1

    def __str__(self) -> str:
        """One line: a name in it can neither break the line nor reach the terminal as a command."""
        return readable(super().__str__())


class UsageError(MattecamError):
    exit_code = 2


class OptionError(UsageError):
    pass


class InputError(MattecamError):
    pass


class SourceLost(InputError):
    pass


class OutputError(MattecamError):
    pass


class OutputExists(OutputError):
    pass


class DiskFull(OutputError):
    pass


class OutputLost(OutputError):
    pass


class WeightsError(MattecamError):
    pass


class WeightsMissing(WeightsError):
    pass


class WeightsCorrupt(WeightsError):
    pass


class WeightsForeign(WeightsError):
    pass


class FetchError(MattecamError):
    pass


class EngineError(MattecamError):
    pass


class EngineUnavailable(EngineError):
    pass
