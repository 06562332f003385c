"""Linux's own account of memory, in bytes.

Where processor and GPU share one memory, what a trial takes of it shows as the fall of what is
available: weights and activations, the CUDA context, the libraries, the images.
"""

from __future__ import annotations

from harness.devices.readings.tree import Tree, UnreadableError

__all__ = ["MEMINFO", "MemoryLow", "memory_entry", "read_memory"]

MEMINFO = "/proc/meminfo"


def read_memory(tree: Tree) -> dict[str, int]:
    """Return the entries of `/proc/meminfo` in bytes; lines that are no such entry are passed over.

    Raises:
        UnreadableError: there is no such file to read.
    """
    entries = {}
    for line in tree.text(MEMINFO).splitlines():
        key, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[0].isdecimal() and words[1] == "kB":
            entries[key] = int(words[0]) * 1024
    return entries


def memory_entry(tree: Tree, key: str) -> int:
    """Return one entry, such as `MemAvailable`, in bytes.

    Raises:
        UnreadableError: it is not there.
    """
    entries = read_memory(tree)
    if key not in entries:
        raise UnreadableError(f"no entry {key}")
    return entries[key]


class MemoryLow:
    """How low available memory went, and how far swap grew, since this was made.

    Attributes:
        fall_bytes: the largest fall of `MemAvailable` at any sample; None before the first.
        swap_growth_bytes: the same of used swap; None also where there is no swap.
        note: why something is missing; empty otherwise.
    """

    def __init__(self, tree: Tree) -> None:
        """Take what there is now as the start."""
        self._tree = tree
        self.fall_bytes: int | None = None
        self.swap_growth_bytes: int | None = None
        self.note = ""
        self._available, self._swap_used = self._read()

    def sample(self) -> None:
        """Look again; what cannot be read this time is left out."""
        available, swap_used = self._read()
        if available is not None and self._available is not None:
            self.fall_bytes = max(self.fall_bytes or 0, self._available - available)
        if swap_used is not None and self._swap_used is not None:
            self.swap_growth_bytes = max(self.swap_growth_bytes or 0, swap_used - self._swap_used)

    def _read(self) -> tuple[int | None, int | None]:
        try:
            entries = read_memory(self._tree)
        except UnreadableError as error:
            self.note = f"{MEMINFO}: {error}"
            return None, None
        return entries.get("MemAvailable"), _swap_used(entries)


def _swap_used(entries: dict[str, int]) -> int | None:
    total, free = entries.get("SwapTotal"), entries.get("SwapFree")
    return total - free if total and free is not None else None
