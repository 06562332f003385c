"""Writes data sets of the data root as the files that torchmeta reads.

torchmeta itself would download and unpickle the originals, without a check, to make them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.data.cache import DatasetContent
from harness.data.images import Preprocessing
from harness.data.layout import DatasetLayout
from harness.data.prepare import decode_files
from harness.data.sources import Source
from harness.errors import DataError
from harness_datasets.cifar import PREPROCESSING as CIFAR
from harness_datasets.miniimagenet import read_source

__all__ = ["CONVERTERS", "Converter"]

Report = Callable[[str], None]
Converter = Callable[[Source, Path, Report], None]

_OMNIGLOT = Preprocessing(size=105, mode="gray")  # its drawings as they are
_OMNIGLOT_PARTS = {"train": "images_background", "test": "images_evaluation"}


def convert_omniglot(source: Source, folder: Path, report: Report) -> None:
    """Write `data.hdf5` and the labels of the authors' split, white on black as torchmeta does.

    Raises:
        DataError: a drawing is unreadable, or there are other splits than `train` and `test`.
    """
    content = decode_files(source, _OMNIGLOT, "omniglot", report)
    _check_splits(content.layout, source, _OMNIGLOT_PARTS)
    # torchmeta names a character by part, alphabet and number; alphabets are not known here.
    names = {
        (split, label): (_OMNIGLOT_PARTS[split], "all", label)
        for split, classes in content.layout.counts.items()
        for label in classes
    }
    inverted = ((place, 255 - pixels) for place, pixels in content.images)
    targets = {key: _Target("data.hdf5", "/".join(name)) for key, name in names.items()}
    _write_images(DatasetContent(content.layout, inverted), folder, targets)
    for split, classes in content.layout.counts.items():
        _write_json(folder / f"{split}_labels.json", [names[split, label] for label in classes])


def convert_miniimagenet(source: Source, folder: Path, report: Report) -> None:
    """Write `<split>_data.hdf5` and `<split>_labels.json` of each split.

    Raises:
        DataError: the photographs are unreadable, or in no form that is understood.
    """
    content = read_source(source, report)
    targets = {
        (split, label): _Target(f"{split}_data.hdf5", f"datasets/{label}")
        for split, classes in content.layout.counts.items()
        for label in classes
    }
    _write_images(content, folder, targets)
    for split, classes in content.layout.counts.items():
        _write_json(folder / f"{split}_labels.json", list(classes))


def convert_cifar100(source: Source, folder: Path, report: Report) -> None:
    """Write `data.hdf5`, and the labels of CIFAR-FS and of FC100.

    Raises:
        DataError: an image is unreadable, or the classes are not the 100 fine ones of CIFAR-100.
    """
    content = decode_files(source, CIFAR, "cifar100", report)
    pairs = [pair for split in _SPLITS for pair in _asset("cifar-fs", split)]
    coarse = {fine: name for name, fine in pairs}
    for split, classes in content.layout.counts.items():
        if classes.keys() != coarse.keys():
            raise DataError(f"'{source.path}' has other classes than CIFAR-100 in split '{split}'")
    targets = {
        (split, label): _Target("data.hdf5", f"{coarse[label]}/{label}")
        for split, classes in content.layout.counts.items()
        for label in classes
    }
    _write_images(content, folder, targets)
    _write_json(folder / "fine_names.json", _fine_names(coarse))
    _write_cifar_labels(folder, _fine_names(coarse))


_SPLITS = ("train", "val", "test")


def _fine_names(coarse: Mapping[str, str]) -> dict[str, list[str]]:
    return {
        name: sorted(fine for fine in coarse if coarse[fine] == name)
        for name in sorted(set(coarse.values()))
    }


def _write_cifar_labels(folder: Path, fine_names: Mapping[str, list[str]]) -> None:
    for name in ("cifar-fs", "fc100"):
        (folder / name).mkdir()
    for split in _SPLITS:
        _write_json(folder / "cifar-fs" / f"{split}_labels.json", _asset("cifar-fs", split))
        # Here whole coarse classes belong to a split.
        labels = [(name, fine) for name in _asset("fc100", split) for fine in fine_names[name]]
        _write_json(folder / "fc100" / f"{split}_labels.json", labels)


def _asset(name: str, split: str) -> list[Any]:
    """Return what torchmeta has in its package about a split of CIFAR-100."""
    utils = import_module("torchmeta.datasets.utils")
    asset: list[Any] = utils.get_asset("cifar100", name, f"{split}.json")
    return asset


CONVERTERS: dict[str, Converter] = {
    "omniglot": convert_omniglot,
    "miniimagenet": convert_miniimagenet,
    "cifar100": convert_cifar100,
}


def _check_splits(layout: DatasetLayout, source: Source, expected: Mapping[str, object]) -> None:
    if layout.counts.keys() != expected.keys():
        raise DataError(
            f"'{source.path}' has the splits {', '.join(layout.counts)};"
            f" expected {' and '.join(expected)}"
        )


# HDF5 and JSON


@dataclass(frozen=True)
class _Target:
    """Where torchmeta looks for the images of a class."""

    file: str
    path: str  # in the HDF5 file


def _write_images(
    content: DatasetContent, folder: Path, targets: Mapping[tuple[str, str], _Target]
) -> None:
    """Write all images; `targets` says where by split and class, and two can have one target."""
    h5py = import_module("h5py")
    rows, sizes = _assign(content.layout, targets)
    channels, *sides = content.layout.shape
    shape = sides if channels == 1 else [*sides, channels]
    with ExitStack() as stack:
        names = sorted({target.file for target in sizes})
        files = {name: stack.enter_context(h5py.File(folder / name, "w")) for name in names}
        arrays = {
            target: files[target.file].create_dataset(target.path, (size, *shape), dtype="uint8")
            for target, size in sizes.items()
        }
        for place, pixels in content.images:
            target, number = rows[place.split][place.row]
            # (channels, height, width) -> (height, width, channels), or (height, width) if gray
            arrays[target][number] = pixels.transpose(1, 2, 0).reshape(shape)


def _assign(
    layout: DatasetLayout, targets: Mapping[tuple[str, str], _Target]
) -> tuple[dict[str, list[tuple[_Target, int]]], dict[_Target, int]]:
    """Return the target of each row of each split with the number there, and the targets' sizes."""
    rows: dict[str, list[tuple[_Target, int]]] = {split: [] for split in layout.counts}
    sizes: dict[_Target, int] = {}
    for split, classes in layout.counts.items():
        for label, count in classes.items():
            target = targets[split, label]
            start = sizes.get(target, 0)
            sizes[target] = start + count
            rows[split] += [(target, start + number) for number in range(count)]
    return rows, sizes


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
