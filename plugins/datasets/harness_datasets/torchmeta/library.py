"""The library torchmeta 1.8.0: made usable beside today's torch, and asked for episodes.

torchmeta's last release is from 2021 and asks for torch below 1.10. Its episodes work with today's
torch after two repairs, which are made in memory:

- It imports private functions of torchvision that newer releases do not have. They serve only its
  downloads, which are never used here, since they unpickle what they fetch. While torchmeta is
  imported, functions that refuse to be called take the missing ones' place.
- Its `SubsetTask` has a `__getitem__` of its own but no `__getitems__`, and newer releases of torch
  make no such subset, because a data loader would pass over the first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from harness.canonical import digest
from harness.data.layout import Draw, EpisodeIdentity, EpisodeRule
from harness.environment import Check
from harness.errors import HarnessError, UsageError

__all__ = ["INSTALL", "RULE", "check_torchmeta", "is_installed", "load_torchmeta", "seed_of"]

INSTALL = (  # in this order, or pip complains of the torch that torchmeta asks for
    "pip install ordered-set h5py requests tqdm",
    "pip install --no-deps torchmeta==1.8.0",
)

_VERSION = "1.8.0"
_DOWNLOADING = ("_get_confirm_token", "_save_response_content")


def is_installed() -> bool:
    """Return whether there is a torchmeta, usable or not, without importing it."""
    spec = find_spec("torchmeta")
    return spec is not None and spec.origin is not None  # a mere folder of that name has none


def check_torchmeta() -> Check:
    """Import torchmeta, which is optional, with the repairs that it needs."""
    if not is_installed():
        how = " and then ".join(f"'{command}'" for command in INSTALL)
        finding = "not installed, and needed only by the data set torchmeta"
        return Check("torchmeta", "ok", finding, f"to use that data set: {how}")
    try:
        version = load_torchmeta().__version__
    except HarnessError as error:
        return Check("torchmeta", "warning", "installed, but of no use", str(error))
    return Check("torchmeta", "ok", f"{version}, repaired to work beside this torch")


@cache
def load_torchmeta() -> ModuleType:
    """Import torchmeta, repaired.

    Raises:
        UsageError: it is not installed, lacks what it needs, or is another release.
    """
    how = " and ".join(f"'{command}'" for command in INSTALL)
    if not is_installed():
        raise UsageError(f"torchmeta is not installed; install it with {how}")
    try:
        torchmeta = _import()
    except Exception as error:  # an old library beside new ones can fail in any way
        raise UsageError(
            f"torchmeta cannot be imported ({error}); install it with {how}"
        ) from error
    if torchmeta.__version__ != _VERSION:
        raise UsageError(
            f"torchmeta {torchmeta.__version__} is not the release {_VERSION}, which alone is known"
            f" to work here; install it with {how}"
        )
    _repair_subsets()
    return torchmeta


def _import() -> ModuleType:
    with _missing_functions(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what was usual in 2021
        return import_module("torchmeta")


@contextmanager
def _missing_functions() -> Iterator[None]:
    utils = import_module("torchvision.datasets.utils")
    missing = [name for name in _DOWNLOADING if not hasattr(utils, name)]
    for name in missing:
        setattr(utils, name, _refuse)
    try:
        yield
    finally:
        for name in missing:
            delattr(utils, name)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise UsageError("torchmeta cannot download with this release of torchvision")


def _repair_subsets() -> None:
    subset: Any = import_module("torchmeta.utils.data").SubsetTask
    if "__getitems__" not in vars(subset):
        subset.__getitems__ = _get_items


def _get_items(self: Any, indices: list[int]) -> list[Any]:
    return [self[index] for index in indices]


@dataclass(frozen=True)
class _Class:
    """The rows of one class, as the data set of a class that torchmeta asks for."""

    index: int
    first_row: int
    size: int

    def __hash__(self) -> int:
        """Return the hash of torchmeta's own data sets, which seeds the draw of images."""
        return hash(self.index)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, number: int) -> int:
        return self.first_row + int(number)

    def target_transform_append(self, transform: object) -> None:
        """Rows have no labels that could be transformed."""


class _Classes:
    """All classes of a split, as torchmeta asks for them."""

    meta_train = meta_val = meta_test = False
    class_augmentations: Sequence[object] = ()  # augmented classes are among the others

    def __init__(self, sizes: Sequence[int], split: str) -> None:
        self._sizes = sizes
        self._first_rows = np.cumsum([0, *sizes]).tolist()
        self.meta_split = split

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, index: int) -> _Class:
        return _Class(index, self._first_rows[index], self._sizes[index])


def seed_of(identity: EpisodeIdentity) -> int:
    """Return the seed, of 32 bits, with which torchmeta draws this episode."""
    return int(digest(asdict(identity)), 16) % 2**32


def draw_episode(identity: EpisodeIdentity, class_sizes: Sequence[int]) -> Draw:
    """Draw the task that torchmeta gives after it was seeded with `seed_of(identity)`.

    Classes come from `CombinationMetaDataset`, images from `ClassSplitter`; as always there, the
    same classes in the same order bring the same images. Labels number the classes in the order in
    which they were drawn: torchmeta would shuffle them once more with torch's global generator,
    which is not the data set's to use.

    Args:
        identity: of the episode.
        class_sizes: images of each class, in the order in which the split's array holds them.

    Raises:
        UsageError: torchmeta is not installed or cannot be used.
    """
    load_torchmeta()
    data, transforms = import_module("torchmeta.utils.data"), import_module("torchmeta.transforms")
    tasks = data.CombinationMetaDataset(
        _Classes(class_sizes, identity.split),
        identity.ways,
        dataset_transform=transforms.ClassSplitter(
            num_train_per_class=identity.shots, num_test_per_class=identity.queries
        ),
    )
    tasks.seed(seed_of(identity))
    task = tasks.sample_task()
    return Draw(_rows(task["train"], identity.ways), _rows(task["test"], identity.ways))


def _rows(subset: Any, ways: int) -> NDArray[np.int64]:
    rows = np.array([subset[number] for number in range(len(subset))], dtype=np.int64)
    # class after class: (ways * images,) -> (images, ways)
    columns: NDArray[np.int64] = rows.reshape(ways, -1).T
    return columns


RULE = EpisodeRule("torchmeta 1.8.0", draw_episode)
