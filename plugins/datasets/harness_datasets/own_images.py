"""People's own images: folders with splits, and photos of which some are held out for judging."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from harness.canonical import digest
from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.cache import Cache, DatasetContent, open_or_build
from harness.data.dataset import CachedDataset
from harness.data.images import SUFFIXES, Preprocessing
from harness.data.layout import DatasetLayout, ImagePlace, read_layout
from harness.data.prepare import decode_files, prepare_source
from harness.data.sources import Source, check_data_root, open_source
from harness.errors import DataError
from harness.system.folders import expanded
from harness.system.text import is_leftover
from harness_datasets.parameters import FolderParameters, PhotosParameters

__all__ = [
    "Folder",
    "PhotoSplit",
    "Photos",
    "find_images",
]

HELD_OUT = "test"
LEAST = 2  # photos of a class: one to learn from, and one to judge by


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


class Photos:
    """A folder or archive of photos (a `DatasetProvider`)."""

    def __init__(self, parameters: PhotosParameters) -> None:
        """Take where the photos are, and how they are split and brought to shape."""
        self._parameters = parameters

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the photos, decoded now or taken from the cache.

        Raises:
            DataError: they are not there, unreadable, too few, or not laid out as expected.
        """
        return CachedDataset(self._cached(request, self._parameters), "full-task", "photos")

    def _cached(self, request: DataRequest, given: PhotosParameters) -> Cache:
        check_data_root(request.data_root)
        path = find_images(expanded(given.path), request.data_root)
        split = PhotoSplit(open_source(path), given)
        identity = {**given.model_dump(mode="json"), "path": str(path.resolve())}
        folder = request.cache_root / f"photos-{digest(identity)[:16]}"
        shape = Preprocessing(given.size, given.mode)

        def make() -> DatasetContent:
            if given.part == "rehearsal":
                everything = given.model_copy(update={"part": "all"})
                whole = self._cached(request, everything)
                return _taken_from(whole, PhotoSplit(split.source, everything), split, shape)
            if split.skipped:
                request.report(f"skipping {_counted(split.skipped)} of {path}")
            return decode_files(split, shape, "photos", request.report, split.own_names)

        return open_or_build(folder, {**identity, **split.stamp()}, make)


class PhotoSplit:
    """The photos of a source under names `<split>/<class>/<photo>` (a `Source`).

    If the source has a split `test`, that is held out; if not, a share of each class is drawn from
    all photos.

    Attributes:
        path: of the source.
        source: of the files, by their own names.
        skipped: names of the source that are no photos, by their endings.
    """

    def __init__(self, source: Source, parameters: PhotosParameters) -> None:
        """Assign each photo to a split; none is opened.

        Raises:
            DataError: there are too few classes or photos, or they are laid out otherwise.
        """
        self.path, self.source = source.path, source
        everything = list(source.names())
        names = [name for name in everything if "/" in name]
        self.skipped = [name for name in names if not _is_photo(name)]
        photos = [name for name in names if _is_photo(name)]
        if not photos and (loose := sum(map(_is_photo, everything))):
            raise DataError(
                f"'{self.path}' holds {loose:,} photos, but no folder for each class; expected "
                "<class>/<photo>, so name the folder above, or make one for each class"
            )
        _check(self.path, photos, self.skipped)
        assigned = _assigned(photos, parameters, parameters.seed)
        if parameters.part == "rehearsal":
            learned = [name for name in assigned if assigned[name] != HELD_OUT]
            drawn = _drawn(learned, parameters.held_out, parameters.seed, "rehearsal")
            assigned = {name: HELD_OUT if name in drawn else "train" for name in learned}
        _check_splits(self.path, assigned)
        self._names = {
            name: f"{split}/{_class(name)}/{_flat(name)}" for name, split in assigned.items()
        }

    def stamp(self) -> Mapping[str, Any]:
        """Return JSON that changes when the files do, without reading them."""
        return self.source.stamp()

    def names(self) -> Iterator[str]:
        """Yield the new name of each photo."""
        yield from self._names.values()

    def layout(self, shape: Preprocessing) -> tuple[DatasetLayout, dict[str, ImagePlace]]:
        """Return where the photos are in arrays, by the names that the source has for them."""
        layout, places = read_layout(self.names(), shape.shape, self.path)
        return layout, {old: places[new] for old, new in self._names.items()}

    @property
    def own_names(self) -> dict[str, str]:
        """The source's own name of each photo, by its new one."""
        return {new: old for old, new in self._names.items()}

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the new name and the bytes of each photo.

        Raises:
            DataError: a photo cannot be read, or is too large.
        """
        for name, content in self.source.contents():
            if name in self._names:
                yield self._names[name], content

    def open_each(self, names: Collection[str], max_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
        """Yield each photo of `names`, open until the next one is asked for."""
        own = self.own_names
        wanted = {own[name]: name for name in names}
        for name, file in self.source.open_each(wanted, max_bytes):
            yield wanted[name], file


def _taken_from(
    whole: Cache, everything: PhotoSplit, part: PhotoSplit, shape: Preprocessing
) -> DatasetContent:
    """Return some of the photos, of which all are decoded already."""
    _, there = everything.layout(shape)
    layout, places = part.layout(shape)
    images = (
        (place, whole.arrays[there[name].split][there[name].row]) for name, place in places.items()
    )
    return DatasetContent(layout, images)


def _assigned(photos: Sequence[str], parameters: PhotosParameters, seed: int) -> dict[str, str]:
    """Return the split of each photo, `train` or `test`."""
    splits = {name.split("/")[0] for name in photos if name.count("/") == 2}
    if HELD_OUT in splits:
        return {name: HELD_OUT if name.split("/")[0] == HELD_OUT else "train" for name in photos}
    drawn = _drawn(photos, parameters.held_out, seed, "held out")
    return {name: HELD_OUT if name in drawn else "train" for name in photos}


def _drawn(photos: Sequence[str], share: float, seed: int, purpose: str) -> set[str]:
    """Draw a share of each class, at least one photo, and never all of them."""
    found: set[str] = set()
    for label in sorted({_class(name) for name in photos}):
        of_class = sorted(name for name in photos if _class(name) == label)
        random = np.random.default_rng(int(digest([seed, purpose, label])[:15], 16))
        count = min(max(1, round(share * len(of_class))), len(of_class) - 1)
        found |= {of_class[place] for place in random.permutation(len(of_class))[:count]}
    return found


def _check(path: Path, photos: Sequence[str], skipped: Sequence[str]) -> None:
    if not photos:
        besides = f", only {_counted(skipped)}" if skipped else ""
        raise DataError(f"'{path}' holds no photos{besides}; expected <class>/<photo>")
    depths = {name.count("/") for name in photos}
    if len(depths) > 1:
        raise DataError(
            f"'{path}' holds photos both in <class>/<photo> and in <split>/<class>/<photo>; "
            "one of them is expected"
        )
    if path.is_dir():
        _check_empty_classes(path, {name.rsplit("/", 1)[0] for name in photos}, depths.pop())


def _check_empty_classes(path: Path, full: Collection[str], depth: int) -> None:
    """Refuse a class's folder without photos, since they may have been forgotten."""
    for folder in sorted(path.glob("*/" * depth)):
        name = folder.relative_to(path).as_posix()
        if folder.is_dir() and name not in full and not any(map(is_leftover, name.split("/"))):
            raise DataError(
                f"class '{folder.name}' in '{path}' holds no photos; put some there, or remove it"
            )


def _check_splits(path: Path, assigned: Mapping[str, str]) -> None:
    splits: dict[str, list[str]] = {}  # of each class, one for each photo
    for name, split in assigned.items():
        splits.setdefault(_class(name), []).append(split)
    if len(splits) < 2:
        raise DataError(f"'{path}' has one class, '{min(splits)}'; there must be two or more")
    for label, of_class in sorted(splits.items()):
        where = f"class '{label}' in '{path}'"
        if len(of_class) < LEAST:
            raise DataError(
                f"{where} has one photo; each class needs {LEAST} or more, since some are held out "
                "to judge by"
            )
        if len(set(of_class)) < 2:
            missing = "to learn from" if of_class[0] == HELD_OUT else f"in split '{HELD_OUT}'"
            raise DataError(f"{where} has no photos {missing}")


def _is_photo(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _class(name: str) -> str:
    return name.split("/")[-2]


def _flat(name: str) -> str:
    """Return a file name that no other photo of its class has, whatever split it came from."""
    *split, _, file = name.split("/")
    return "-".join([*split, file])


NAMED = 10  # files that are passed over


def _counted(names: Sequence[str]) -> str:
    """Say how many files are no photos, and which."""
    if len(names) == 1:
        return f"a file that is not a photo ({names[0]})"
    more = f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{len(names):,} files that are not photos ({', '.join(names[:NAMED])}{more})"
