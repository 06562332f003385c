"""The files of `/proc` and `/sys`, and the names that the machine at hand goes by there.

The files are small, and may be missing, empty, or gone meanwhile. A device is at hand if one of the
machine's names is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "GPU_INFORMATION",
    "ReadingError",
    "Tree",
    "cuda_names",
    "has_unified_memory",
    "machine_names",
]


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


# The first is usually a link to the second, and is hidden in some containers.
DEVICE_TREES = ("/proc/device-tree", "/sys/firmware/devicetree/base")
GPU_INFORMATION = "/proc/driver/nvidia/gpus/*/information"


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
