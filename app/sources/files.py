"""What every source that reads a file asks of it first, and how it says what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

from app.errors import InputError
from app.sources.pipe import pipe_at


def check_readable(path: Path) -> None:
    """Raises InputError with a sentence unless `path` is a readable file that is not empty.

    What can be read only once is not read here.
    """
    if pipe_at(path):
        raise InputError(
            f"{path} can be read only once, as it is no file; save it as a file first."
        )
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                raise InputError(
                    f"{path} is empty (0 bytes); it was perhaps not copied to its end."
                )
    except FileNotFoundError:
        raise InputError(f"There is no file {path}; check the name.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a file.") from None
    except PermissionError:
        # Windows answers so for a folder, too. Path.is_dir() itself may raise here.
        what = "is a folder, not a file" if os.path.isdir(path) else "may not be read by this user"
        raise InputError(f"{path} {what}.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError:
        raise InputError(f"{str(path)!r} is no file name.") from None
