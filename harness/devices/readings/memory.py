"""Linux's own account of memory, in bytes, and of the processes killed when it ran out.

Where processor and GPU share one memory, what a trial takes of it shows as the fall of what is
available: weights and activations, the CUDA context, the libraries, the images.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.devices.readings.machine import ReadingError, Tree

__all__ = ["MEMINFO", "MemoryLow", "OomKills", "memory_entry"]

MEMINFO = "/proc/meminfo"


def _read_memory(tree: Tree) -> dict[str, int]:
    """Return the entries of `/proc/meminfo` in bytes, ignoring any other lines.

    Raises:
        ReadingError: the file cannot be read.
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
        ReadingError: it is not there.
    """
    entries = _read_memory(tree)
    if key not in entries:
        raise ReadingError(f"no entry {key}")
    return entries[key]


class MemoryLow:
    """How low available memory went, and how far swap grew, since this was made.

    Attributes:
        fall_bytes: the largest fall of `MemAvailable` at any sample; None before the first.
        swap_growth_bytes: the same of used swap; None also where there is no swap.
        note: why something is missing; empty otherwise.
    """

    def __init__(self, tree: Tree) -> None:
        """Read the starting values."""
        self._tree = tree
        self.fall_bytes: int | None = None
        self.swap_growth_bytes: int | None = None
        self.note = ""
        self._available, self._swap_used = self._read()

    def sample(self) -> None:
        """Read again; what cannot be read this time is skipped."""
        available, swap_used = self._read()
        if available is not None and self._available is not None:
            self.fall_bytes = max(self.fall_bytes or 0, self._available - available)
        if swap_used is not None and self._swap_used is not None:
            self.swap_growth_bytes = max(self.swap_growth_bytes or 0, swap_used - self._swap_used)

    def _read(self) -> tuple[int | None, int | None]:
        try:
            entries = _read_memory(self._tree)
        except ReadingError as error:
            self.note = f"{MEMINFO}: {error}"
            return None, None
        return entries.get("MemAvailable"), _swap_used(entries)


def _swap_used(entries: dict[str, int]) -> int | None:
    total, free = entries.get("SwapTotal"), entries.get("SwapFree")
    return total - free if total and free is not None else None


VMSTAT = "/proc/vmstat"  # of the whole machine; has the count since Linux 4.13
MEMBERSHIP = "/proc/self/cgroup"  # 0::/user.slice (version 2), 4:memory:/docker/1f (version 1)


class OomKills:
    """Counts the kills since it was made, of this machine and of this process's memory group."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Read the counts as they are now."""
        self._tree = Tree(root)
        self._before = self._counts()

    def any_since(self) -> bool | None:
        """Return whether anything was killed since; None where the kernel does not count."""
        now = self._counts()
        known = now.keys() & self._before.keys()
        return any(now[path] > self._before[path] for path in known) if known else None

    def _counts(self) -> dict[str, int]:
        """Return the count of each file that has one."""
        counts = {path: self._count(path) for path in [VMSTAT, *self._group_files()]}
        return {path: count for path, count in counts.items() if count is not None}

    def _count(self, path: str) -> int | None:
        try:
            found = re.search(r"^oom_kill (\d+)$", self._tree.text(path), re.MULTILINE)
        except ReadingError:
            return None
        return int(found[1]) if found else None

    def _group_files(self) -> list[str]:
        """Name the accounts of the process's group; a container sees its group as the root."""
        try:
            lines = self._tree.text(MEMBERSHIP).splitlines()
        except ReadingError:
            return []
        files = []
        for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") > 1):
            for folder in ("", group.rstrip("/")):
                if not controllers:
                    files.append(f"/sys/fs/cgroup{folder}/memory.events")
                elif "memory" in controllers.split(","):
                    files.append(f"/sys/fs/cgroup/memory{folder}/memory.oom_control")
        return files
