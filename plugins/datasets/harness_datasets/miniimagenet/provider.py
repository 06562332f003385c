"""miniImageNet with the split of Ravi and Larochelle (2017): 100 classes of 600 photographs."""

from __future__ import annotations

from collections.abc import Callable

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.cache import DatasetContent
from harness.data.images import Preprocessing
from harness.data.layout import DatasetLayout
from harness.data.prepare import decode_files, prepare_generated
from harness.data.sources import Source, find_named, where_looked
from harness.errors import DataError
from harness_datasets.miniimagenet.forms import find_lists, find_pickles, read_listed, read_pickled

__all__ = ["CLASSES", "FORMS", "PREPROCESSING", "MiniImagenet", "read_source"]

CLASSES = {"train": 64, "val": 16, "test": 20}

PREPROCESSING = Preprocessing(size=84, mode="rgb")

FORMS = (
    "images as <split>/<class>/<image>, or images in one folder or in one folder a class with"
    " train.csv, val.csv and test.csv (columns filename,label), or pickled arrays as"
    " mini-imagenet-cache-train.pkl, -val.pkl and -test.pkl (keys image_data, class_dict)"
)

_NAME = "miniimagenet"


class MiniImagenet:
    """miniImageNet at 84x84 from the data root (a `DatasetProvider`).

    It is made of ImageNet's photographs, which others may not hand out: it is never downloaded.
    """

    def form(self) -> DatasetForm:
        """Return the form of the images."""
        return DatasetForm("few-shot", PREPROCESSING.shape)

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the photographs, decoded now or taken from the cache.

        Raises:
            DataError: they are not in the data root, unreadable, in none of the forms that are
                understood, or not split into 64, 16 and 20 classes.
        """
        source = find_named(_NAME, request.data_root)
        if source is None:
            looked = where_looked(_NAME, request.data_root)
            raise DataError(
                f"data set '{_NAME}' was not found: {looked}; it cannot be downloaded"
                f" automatically: put it into the data root as {_NAME}/ or {_NAME}.tar.gz with"
                f" {FORMS}"
            )
        return prepare_generated(
            lambda: read_source(source, request.report),
            {"source": str(source.path.resolve()), **source.stamp()},
            request,
            name=_NAME,
            kind="few-shot",
        )


def read_source(source: Source, report: Callable[[str], None]) -> DatasetContent:
    """Return the photographs of a folder or archive, in whichever form it has them.

    Raises:
        DataError: it is unreadable or in none of the forms; it has another number of classes.
    """
    names = list(source.names())
    if pickles := find_pickles(names):
        content = read_pickled(source, pickles, report)
    elif lists := find_lists(names):
        files = read_listed(source, names, lists)
        content = decode_files(files, PREPROCESSING, _NAME, report)
    elif any(name.startswith(tuple(f"{split}/" for split in CLASSES)) for name in names):
        content = decode_files(source, PREPROCESSING, _NAME, report)
    else:
        raise DataError(f"'{source.path}' does not hold {_NAME} in a known form: {FORMS}")
    _check_split(content.layout, source)
    return content


def _check_split(layout: DatasetLayout, source: Source) -> None:
    """Refuse other classes: accuracies on them would not be accuracies on miniImageNet."""
    found = {split: len(layout.counts.get(split, {})) for split in CLASSES}
    if found != CLASSES or layout.counts.keys() != CLASSES.keys():
        there = ", ".join(f"{split}: {len(classes)}" for split, classes in layout.counts.items())
        raise DataError(
            f"'{source.path}' has classes ({there}), but miniImageNet has 64 in train, 16 in val"
            " and 20 in test; use --dataset 'folder[path=...]' for other images"
        )
