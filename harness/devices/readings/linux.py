"""Reads Linux's `/proc` and `/sys`: the machine's names, its memory, and kills for lack of memory.

These files are small, and may be missing, empty, or vanish. A device is at hand if one of the
machine's names matches its profile. Where processor and GPU share one memory, all that a trial
takes shows as a fall of available memory: weights, activations, the CUDA context, libraries,
images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "GPU_INFORMATION",
    "MEMINFO",
    "MemoryLow",
    "OomKills",
    "ReadingError",
    "Tree",
    "cuda_names",
    "has_unified_memory",
    "machine_names",
    "memory_entry",
]

# The first is usually a link to the second, and is hidden in some containers.
DEVICE_TREES = ("/proc/device-tree", "/sys/firmware/devicetree/base")
GPU_INFORMATION = "/proc/driver/nvidia/gpus/*/information"
MEMINFO = "/proc/meminfo"
VMSTAT = "/proc/vmstat"  # of the whole machine; has the count since Linux 4.13
MEMBERSHIP = "/proc/self/cgroup"  # 0::/user.slice (version 2), 4:memory:/docker/1f (version 1)


class ReadingError(Exception):
    """Something could not be read; the message says in a few words why, for a note."""


@dataclass(frozen=True)
class Tree:
    """A machine's files below a root: `/` itself, or a recorded copy.

    Paths are written as on the machine, `/proc/meminfo`, wherever the root is.
    """

    root: Path = Path("/")

    def has(self, path: str) -> bool:
        """Return whether there is such a file."""
        return self._at(path).exists()

    def text(self, path: str) -> str:
        """Return what a file says, without blanks and NULs at its ends.

        Raises:
            ReadingError: it is not there, may not be read, or says nothing.
        """
        try:
            text = self._at(path).read_bytes().decode("utf-8", errors="replace").strip("\0 \t\r\n")
        except FileNotFoundError:
            raise ReadingError("not there") from None
        except OSError as error:  # any errno: drivers answer so for a part that sleeps or has gone
            raise ReadingError(f"cannot be read: {error.strerror or error}") from None
        if not text:
            raise ReadingError("empty")
        return text

    def number(self, path: str) -> int:
        """Return the integer that a file consists of.

        Raises:
            ReadingError: see `text`; or it is not a whole number.
        """
        text = self.text(path)
        try:
            return int(text)
        except ValueError:
            raise ReadingError(f"not a number: {text[:40]!r}") from None

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that a pattern with `*` and `?` fits, sorted."""
        try:
            found = sorted(self.root.glob(pattern.lstrip("/")))
        except OSError:  # a folder that vanished while it was walked
            return []
        return ["/" + path.relative_to(self.root).as_posix() for path in found]

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def machine_names(root: Path = Path("/")) -> list[str]:
    """Return the board's name in the device tree and the names of NVIDIA GPUs, each once.

    Such as `NVIDIA Jetson Nano 2GB Developer Kit` or `NVIDIA GeForce RTX 3090`; nothing where
    neither is there. No driver is woken and no library imported: only files below `root` are read.
    """
    tree = Tree(root)
    return list(dict.fromkeys([*_device_tree(tree, "model"), *_gpu_names(tree)]))


def cuda_names() -> list[str]:
    """Return the names of the GPUs that torch can use; it imports torch, which takes seconds.

    For containers, whose `/proc` may hide a GPU that works.
    """
    import torch  # noqa: PLC0415 - see above

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def has_unified_memory(root: Path = Path("/")) -> bool:
    """Return whether CPU and GPU share one memory, as on all boards with a Tegra (Jetson)."""
    return any("nvidia,tegra" in names for names in _device_tree(Tree(root), "compatible"))


def _device_tree(tree: Tree, name: str) -> Iterator[str]:
    """Yield a property of the device tree's root from each place that has it."""
    for folder in DEVICE_TREES:
        try:
            yield tree.text(f"{folder}/{name}")
        except ReadingError:
            continue


def _gpu_names(tree: Tree) -> Iterator[str]:
    for path in tree.matching(GPU_INFORMATION):
        try:
            lines = tree.text(path).splitlines()
        except ReadingError:
            continue
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == "Model" and value.strip():
                yield value.strip()


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


class OomKills:
    """Counts kills for lack of memory since it was made, in the machine and our control group."""

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
        """Return the event files of our control group, which a container sees as the root group."""
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
