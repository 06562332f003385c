"""The names that the machine at hand goes by; a device is there if one of them is its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.devices.readings.tree import Tree, UnreadableError

__all__ = ["GPU_INFORMATION", "cuda_names", "has_unified_memory", "machine_names"]

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
    """Say whether processor and GPU share one memory, as on every board with a Tegra (Jetson)."""
    return any("nvidia,tegra" in names for names in _device_tree(Tree(root), "compatible"))


def _device_tree(tree: Tree, name: str) -> Iterator[str]:
    """Give a property of the device tree's root wherever it is to be read."""
    for folder in DEVICE_TREES:
        try:
            yield tree.text(f"{folder}/{name}")
        except UnreadableError:
            continue


def _gpu_names(tree: Tree) -> Iterator[str]:
    for path in tree.matching(GPU_INFORMATION):
        try:
            lines = tree.text(path).splitlines()
        except UnreadableError:
            continue
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == "Model" and value.strip():
                yield value.strip()
