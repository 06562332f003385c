"""torchmeta's data sets as it reads them itself: its classes, its augmentations, its transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.cache import DatasetContent
from harness.data.layout import DatasetLayout, ImagePlace
from harness.data.prepare import counted
from harness.errors import DataError
from harness_datasets.parameters import TorchmetaParameters
from harness_datasets.torchmeta.library import load_torchmeta

__all__ = ["FOLDERS", "class_name", "read_collection"]

# Where below its root torchmeta has the files of a data set.
FOLDERS = {
    "omniglot": "omniglot",
    "miniimagenet": "miniimagenet",
    "tieredimagenet": "tieredimagenet",
    "cifar_fs": "cifar100",
    "fc100": "cifar100",
    "cub": "cub",
    "doublemnist": "doublemnist",
    "triplemnist": "triplemnist",
}


def read_collection(
    root: Path, parameters: TorchmetaParameters, report: Callable[[str], None]
) -> DatasetContent:
    """Return all images of a data set, as torchmeta's own helper function transforms them.

    Its augmented classes, such as Omniglot's characters turned by 90, 180 and 270 degrees, are
    classes like all others. They keep torchmeta's order, for which their names begin with a number.

    Args:
        root: as torchmeta means it; the files lie in the folder of `FOLDERS` below it.
        parameters: which data set.
        report: takes a sentence about progress.

    Raises:
        DataError: files are missing, or cannot be read.
        UsageError: torchmeta is not installed or cannot be used.
    """
    load_torchmeta()
    name = f"torchmeta's {parameters.name}"
    with _failures_named(root / FOLDERS[parameters.name], name):
        splits = {split: _open_split(root, parameters, split) for split in _splits(parameters)}
        report(f"reading {name} from {root}")
        counts = {split: _count(classes) for split, classes in splits.items()}
        shape = _pixels(splits["test"][0][0]).shape
    layout = DatasetLayout((shape[0], shape[1], shape[2]), counts)
    images = _images(splits, layout, root / FOLDERS[parameters.name], name)
    return DatasetContent(layout, counted(images, layout.total, f"decoding {name}", report))


def _splits(parameters: TorchmetaParameters) -> tuple[str, ...]:
    has_val = parameters.name != "omniglot" or parameters.split == "vinyals"
    return ("test", "train", "val") if has_val else ("test", "train")


def _open_split(root: Path, parameters: TorchmetaParameters, split: str) -> Any:
    """Return torchmeta's classes of a split; each is a list of (image, label)."""
    helper = getattr(import_module("torchmeta.datasets.helpers"), parameters.name)
    options: dict[str, Any] = {}
    if parameters.name == "omniglot":
        options["use_vinyals_split"] = parameters.split == "vinyals"
    # Ways and shots are those of the episodes that are not drawn here.
    return helper(str(root), shots=1, ways=1, meta_split=split, **options).dataset


def _count(classes: Any) -> dict[str, int]:
    counts = {}
    for index in range(len(classes)):
        label = classes.labels[index % classes.num_classes]
        label = label if isinstance(label, str) else "/".join(label)
        augmentation = classes.get_class_augmentation(index)
        suffix = "" if augmentation is None else f" {augmentation}"
        counts[f"{index:05d} {label}{suffix}"] = len(classes[index])
    return counts


def class_name(label: str) -> str:
    """Return the name of a class as torchmeta has it, without the number that keeps its place."""
    return label.partition(" ")[2]


def _images(
    splits: Mapping[str, Any], layout: DatasetLayout, where: Path, name: str
) -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
    for split, classes in splits.items():
        row = 0
        for index in range(len(classes)):
            with _failures_named(where, name):
                images = classes[index]
                pixels = [_pixels(images[number]) for number in range(len(images))]
            for each in pixels:
                if each.shape != layout.shape:
                    raise DataError(f"{name} in '{where}' has images of more than one shape")
                yield ImagePlace(split, row), each
                row += 1
        classes.close()


def _pixels(item: tuple[Any, object]) -> NDArray[np.uint8]:
    """Undo torchvision's ToTensor, which makes 0 to 1 of 0 to 255."""
    image, _ = item  # float32, (channels, height, width)
    pixels: NDArray[np.uint8] = (image.numpy() * 255).round().astype(np.uint8)
    return pixels


@contextmanager
def _failures_named(where: Path, name: str) -> Iterator[None]:
    """Turn whatever torchmeta raises over missing or damaged files into one sentence."""
    try:
        yield
    except Exception as error:  # h5py and Pillow raise a dozen kinds on damaged bytes
        raise DataError(
            f"{name} cannot be read from '{where}' ({error}); expected the .hdf5 and .json files"
            " that torchmeta makes"
        ) from error
