"""Memory that a method takes outside of torch's tensors, which no operation shows.

NumPy arrays and the like are not counted. Few matter; a method that keeps more of them than the
device has would pass for one that fits. So the growth of the whole process is looked at too.
"""

from __future__ import annotations

from pathlib import Path

from harness.metrics import MIB

__all__ = ["ProcessGrowth", "UncountedMemoryError"]

# What libraries and the allocator keep for themselves: buffers of convolutions, freed blocks.
SLACK_BYTES = 1024 * MIB

STATUS = Path("/proc/self/status")  # on Linux; elsewhere nothing is known, and nothing refused


class UncountedMemoryError(MemoryError):
    """The process has grown by more than its tensors and the limit explain."""


class ProcessGrowth:
    """Watches one process from the start of a trial's search on."""

    def __init__(self, limit_bytes: int | None, status: Path = STATUS) -> None:
        """Take what the process holds now as its start; without a limit nothing is refused."""
        self._limit_bytes, self._status = limit_bytes, status
        self._start = _anonymous_bytes(status)

    def check(self, counted_bytes: int) -> None:
        """Check that what was not counted is below the limit, and below what is nothing unusual.

        Args:
            counted_bytes: the most bytes of tensors alive at once so far; freed blocks stay the
                process's.

        Raises:
            UncountedMemoryError: it is not.
        """
        if self._limit_bytes is None or self._start is None:
            return
        now = _anonymous_bytes(self._status)
        if now is None:
            return
        uncounted = now - self._start - counted_bytes
        if uncounted > max(self._limit_bytes, SLACK_BYTES):
            raise UncountedMemoryError(
                f"the process took {uncounted / MIB:,.0f} MiB besides its tensors, which is more "
                f"than the limit of {self._limit_bytes / MIB:,.1f} MiB for all"
            )


def _anonymous_bytes(status: Path) -> int | None:
    """Return the bytes of the process that are no file's; None where nothing tells."""
    try:
        lines = status.read_text(encoding="utf-8").splitlines()
        (kibibytes,) = (line.split()[1] for line in lines if line.startswith("RssAnon:"))
        return int(kibibytes) * 1024
    except (OSError, ValueError):
        return None
