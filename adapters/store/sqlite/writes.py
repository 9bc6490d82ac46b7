"""Whether a file was written, without opening it."""

import sys
import time
from pathlib import Path

_RESOLUTION = 2_000_000_000  # nanoseconds; that of the coarsest file systems


class Writes:
    """Tells by a file's times whether it may have been written since it was last asked."""

    def __init__(self, path: Path) -> None:
        """The file may be another one later."""
        self._path = path
        self._seen: tuple[int, ...] | None = None

    def may_have_been(self) -> bool:
        """False where it was surely not written since the last call."""
        try:
            found = self._path.stat()
        except OSError:
            return True
        written = found.st_mtime_ns
        now = found.st_dev, found.st_ino, found.st_size, written
        same = now == self._seen and sys.platform != "win32"  # where the time is told late
        # A file may be written twice within the resolution of its times.
        self._seen = None if time.time_ns() - written < _RESOLUTION else now
        return not same
