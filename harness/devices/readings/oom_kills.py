"""The kernel's count of processes that it killed because there was no memory left."""

from __future__ import annotations

import re
from pathlib import Path

from harness.devices.readings.tree import Tree, UnreadableError

__all__ = ["OomKills"]

VMSTAT = "/proc/vmstat"  # of the whole machine; has the count since Linux 4.13
MEMBERSHIP = "/proc/self/cgroup"  # 0::/user.slice (version 2), 4:memory:/docker/1f (version 1)


class OomKills:
    """Counts the kills since it was made, of this machine and of this process's memory group."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Read the counts as they are now."""
        self._tree = Tree(root)
        self._before = self._counts()

    def any_since(self) -> bool | None:
        """Say whether anything was killed meanwhile; None where the kernel does not count."""
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
        except UnreadableError:
            return None
        return int(found[1]) if found else None

    def _group_files(self) -> list[str]:
        """Name the accounts of the process's group; a container sees its group as the root."""
        try:
            lines = self._tree.text(MEMBERSHIP).splitlines()
        except UnreadableError:
            return []
        files = []
        for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") > 1):
            for folder in ("", group.rstrip("/")):
                if not controllers:
                    files.append(f"/sys/fs/cgroup{folder}/memory.events")
                elif "memory" in controllers.split(","):
                    files.append(f"/sys/fs/cgroup/memory{folder}/memory.oom_control")
        return files
