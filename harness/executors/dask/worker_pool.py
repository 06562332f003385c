"""Which workers there are for a device; they come and go while a run is under way."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from harness.executors.dask.link import Link

__all__ = ["Staffing"]

LOOK_EVERY_S = 1.0


class Staffing:
    """Counts the workers that offer a device, and says so when there are none."""

    def __init__(self, link: Link, say: Callable[[str], None]) -> None:
        """Look at nobody yet."""
        self._link, self._say = link, say
        self._offers: dict[str, frozenset[str]] = {}
        self._looked_at = -LOOK_EVERY_S
        self._missed: set[str] = set()  # devices that it was said of

    def places(self, device: str) -> int:
        """Return how many workers offer a device now."""
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S and self._link.stands:
            self._looked_at = time.monotonic()
            with suppress(OSError):  # a connection that is cut just now
                self._offers = self._link.offers()
        count = sum(device in offered for offered in self._offers.values())
        if count:
            self._missed.discard(device)
        elif device not in self._missed:
            self._missed.add(device)
            self._say(
                f"Waiting for a worker that offers '{device}' (there are {len(self._offers)} at "
                f"{self._link.where}); start one with --resources '{device}=1'."
            )
        return count
