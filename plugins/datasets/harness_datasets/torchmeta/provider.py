"""The data set `torchmeta`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from harness.contracts import DataRequest, Dataset
from harness.data.cache import TEMPORARY, DatasetContent
from harness.data.prepare import prepare_generated
from harness.data.sources import FolderSource, Source, check_data_root, find_named, where_looked
from harness.errors import DataError
from harness.system.text import is_leftover
from harness_datasets.parameters import TorchmetaParameters
from harness_datasets.torchmeta.collection import FOLDERS, class_name, read_collection
from harness_datasets.torchmeta.conversion import CONVERTERS, Converter
from harness_datasets.torchmeta.library import RULE, load_torchmeta

__all__ = ["Torchmeta"]

Item = TypeVar("Item")


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
