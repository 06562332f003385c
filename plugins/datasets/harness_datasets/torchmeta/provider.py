"""The data set `torchmeta`: its classes, augmentations and transforms as torchmeta reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset
from harness.data.cache import TEMPORARY, DatasetContent
from harness.data.layout import DatasetLayout, ImagePlace
from harness.data.prepare import counted, prepare_generated
from harness.data.sources import FolderSource, Source, check_data_root, find_named, where_looked
from harness.errors import DataError
from harness.system.text import is_leftover
from harness_datasets.parameters import TorchmetaParameters
from harness_datasets.torchmeta.conversion import CONVERTERS, Converter
from harness_datasets.torchmeta.library import RULE, load_torchmeta

__all__ = [
    "FOLDERS",
    "Torchmeta",
    "class_name",
    "read_collection",
]

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

Item = TypeVar("Item")


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


class Torchmeta:
    """torchmeta's classes, images and episodes (a `DatasetProvider`).

    Its files are looked for in the data root as FOLDER/ and torchmeta/FOLDER/, such as
    `torchmeta/cub/`. Where they are not, Omniglot, miniImageNet and CIFAR-100 are converted from
    what the data root has for the data sets of these names. Images are decoded once into the cache.
    """

    def __init__(self, parameters: TorchmetaParameters) -> None:
        """Store which data set it is."""
        self._parameters = parameters

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the data set, decoded now or taken from the cache.

        Raises:
            DataError: it is not in the data root, or unreadable.
            UsageError: torchmeta is not installed or cannot be used.
        """
        load_torchmeta()
        check_data_root(request.data_root)
        source, make = self._find(request)
        name = f"torchmeta-{self._parameters.name}"
        if self._parameters.split == "vinyals":
            name += "-vinyals"
        stamp = {"source": str(source.path.resolve()), **source.stamp()}
        dataset = prepare_generated(make, stamp, request, name=name, kind="few-shot")
        return dataset.named_by(class_name).drawn_by(RULE)

    def _find(self, request: DataRequest) -> tuple[Source, Callable[[], DatasetContent]]:
        """Return what the images are made from, and what makes them."""
        folder = FOLDERS[self._parameters.name]
        root = _find_root(folder, request.data_root)
        if root is not None:
            source = FolderSource(root / folder)
            return source, lambda: read_collection(root, self._parameters, request.report)
        converter = CONVERTERS.get(folder) if self._parameters.split == "authors" else None
        found = find_named(folder, request.data_root)
        if converter is None or found is None:
            raise DataError(_not_found(self._parameters, request.data_root))
        return found, lambda: self._convert(found, converter, request)

    def _convert(
        self, source: Source, converter: Converter, request: DataRequest
    ) -> DatasetContent:
        """Write torchmeta's files beside the cache, for as long as they are read."""
        request.cache_root.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(prefix=TEMPORARY, dir=request.cache_root)
        try:
            root = Path(temporary.name)
            folder = root / FOLDERS[self._parameters.name]
            folder.mkdir()
            converter(source, folder, request.report)
            content = read_collection(root, self._parameters, request.report)
        except BaseException:
            temporary.cleanup()
            raise
        return DatasetContent(content.layout, _cleaning_up(content.images, temporary))


def _cleaning_up(items: Iterable[Item], temporary: TemporaryDirectory[str]) -> Iterator[Item]:
    with temporary:
        yield from items


def _find_root(folder: str, data_root: Path | None) -> Path | None:
    """Return the folder that torchmeta takes for its root, if there is one with files of its own.

    A folder of the same name in the harness's layout has none.
    """
    roots = [] if data_root is None else [data_root, data_root / "torchmeta"]
    return next((root for root in roots if any(_hdf5_files(root / folder))), None)


def _hdf5_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*.hdf5") if not is_leftover(path.name))


def _not_found(parameters: TorchmetaParameters, data_root: Path | None) -> str:
    folder = FOLDERS[parameters.name]
    message = (
        f"torchmeta's {parameters.name} was not found: put the .hdf5 and .json files that torchmeta"
        f" makes of it into the data root as {folder}/ or torchmeta/{folder}/"
    )
    if parameters.split == "authors" and folder in CONVERTERS:
        looked = where_looked(folder, data_root)
        message += f"; what --dataset {folder} reads from the data root would do, but {looked}"
    return message
