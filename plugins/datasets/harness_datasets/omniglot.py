"""Omniglot (Lake et al., 2015): 1,623 handwritten characters of 50 alphabets, 20 drawings each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.archive import Member, read_members
from harness.data.dataset import CachedDataset
from harness.data.images import Preprocessing
from harness.data.prepare import decode_files, prepare_generated, prepare_source
from harness.data.sources import find_named
from harness_datasets.download import Download, fetch

__all__ = ["DOWNLOADS", "Omniglot"]

# 28x28, as in few-shot learning since Vinyals et al. (2016).
_PREPROCESSING = Preprocessing(size=28, mode="gray")

# The authors' own split: 964 characters of 30 alphabets, and 659 of 20 others. The checksums are
# those of torchvision's `Omniglot`.
_FOLDER = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
DOWNLOADS = {
    "train": Download(f"{_FOLDER}/images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"),
    "test": Download(f"{_FOLDER}/images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"),
}

# Their split has no validation classes, which pretraining is watched on: every tenth character that
# is learned from is kept apart for it.
VALIDATION_EVERY = 10


class Omniglot:
    """Omniglot at 28x28, from the data root or its authors' repository (a `DatasetProvider`)."""

    def form(self) -> DatasetForm:
        """Return the form of the images."""
        return DatasetForm("few-shot", _PREPROCESSING.shape)

    def shows_images(self) -> bool:
        """Say yes: its licence is MIT's."""
        return True

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the drawings, decoded now or taken from the cache.

        Raises:
            DataError: they are not there and cannot be downloaded, or are unreadable.
        """
        drawings = self._drawings(request).named_by(lambda _: "")  # numbers, counted anew
        return drawings.with_validation(VALIDATION_EVERY)

    def _drawings(self, request: DataRequest) -> CachedDataset:
        name = "omniglot"
        source = find_named(name, request.data_root)
        if source is not None:
            return prepare_source(source, _PREPROCESSING, request, name=name, kind="few-shot")
        return prepare_generated(
            lambda: decode_files(_fetch(request), _PREPROCESSING, name, request.report),
            {"order": "numbers", **{split: each.md5 for split, each in DOWNLOADS.items()}},
            request,
            name=name,
            kind="few-shot",
        )


def _fetch(request: DataRequest) -> OmniglotZips:
    return OmniglotZips(
        {split: fetch(download, "omniglot", request) for split, download in DOWNLOADS.items()}
    )


class OmniglotZips:
    """The authors' archives, read as `<split>/<class>/<image>`.

    In them a drawing is `images_background/<alphabet>/<character>/<number>_<drawer>.png`. Classes
    are the characters in the order of these numbers, which are the authors' own, but from 0 on.
    """

    def __init__(self, archives: Mapping[str, Path]) -> None:
        """Take the archive of each split."""
        self._archives = archives
        self.path = next(iter(archives.values())).parent

    def names(self) -> Iterator[str]:
        """Yield the name of each drawing."""
        for name, _ in self._members():
            yield name

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each drawing."""
        for name, member in self._members():
            yield name, member.read()

    def _members(self) -> Iterator[tuple[str, Member]]:
        for split, archive in self._archives.items():
            numbers = _number_characters(archive)
            for member in _drawings(archive):
                number, drawing = _split_name(member.name)
                yield f"{split}/{numbers[number]:04d}/{drawing}", member


def _number_characters(archive: Path) -> dict[str, int]:
    theirs = sorted({_split_name(member.name)[0] for member in _drawings(archive)})
    return {number: ours for ours, number in enumerate(theirs)}


def _split_name(name: str) -> tuple[str, str]:
    """Return the number of the character, and the drawing's name without it."""
    number, _, drawing = name.rsplit("/", 1)[-1].partition("_")
    return number, drawing


def _drawings(archive: Path) -> Iterator[Member]:
    return (member for member in read_members(archive) if member.name.endswith(".png"))
