"""People's own images."""

from __future__ import annotations

from pathlib import Path

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.images import Preprocessing
from harness.data.prepare import prepare_source
from harness.data.sources import check_data_root, open_source
from harness.errors import DataError
from harness.system.folders import expanded
from harness_datasets.parameters import FolderParameters

__all__ = ["Folder", "find_images"]


class Folder:
    """A folder or archive of `<split>/<class>/<image>` (a `DatasetProvider`)."""

    def __init__(self, parameters: FolderParameters) -> None:
        """Take where the images are, and how they are brought to shape."""
        self._parameters = parameters

    def form(self) -> DatasetForm | None:
        """Return the form of few-shot images; how large a full task is, only its files tell."""
        shape = Preprocessing(self._parameters.size, self._parameters.mode).shape
        return DatasetForm("few-shot", shape) if self._parameters.task == "few-shot" else None

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the images, decoded now or taken from the cache.

        Raises:
            DataError: they are not there, unreadable, or not laid out as expected.
        """
        check_data_root(request.data_root)
        source = open_source(find_images(expanded(self._parameters.path), request.data_root))
        preprocessing = Preprocessing(self._parameters.size, self._parameters.mode)
        return prepare_source(
            source, preprocessing, request, name="folder", kind=self._parameters.task
        )


def find_images(path: Path, data_root: Path | None) -> Path:
    """Look in the working directory first, then in the data root.

    Raises:
        DataError: it is in neither.
    """
    candidates = [path] if data_root is None else [path, data_root / path]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    where = "" if data_root is None or path.is_absolute() else f", nor in data root '{data_root}'"
    raise DataError(f"'{path}' does not exist{where}; expected a folder or an archive of images")
