"""Makes torchmeta 1.8.0 usable beside today's torch.

torchmeta's last release is of 2021 and asks for torch below 1.10. Its episodes work with today's
torch all the same after two repairs, which are made in memory:

- It imports private functions of torchvision that newer releases do not have. They serve only its
  downloads, which are never used here, since they unpickle what they fetch. While torchmeta is
  imported, functions that refuse to be called take the missing ones' place.
- Its `SubsetTask` has a `__getitem__` of its own but no `__getitems__`, and newer releases of torch
  make no such subset, because a data loader would pass over the first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NoReturn

from harness.errors import UsageError

__all__ = ["INSTALL", "is_installed", "load_torchmeta"]

INSTALL = (  # in this order, or pip complains of the torch that torchmeta asks for
    "pip install ordered-set h5py requests tqdm",
    "pip install --no-deps torchmeta==1.8.0",
)

_VERSION = "1.8.0"
_DOWNLOADING = ("_get_confirm_token", "_save_response_content")


def is_installed() -> bool:
    """Say whether there is a torchmeta, usable or not, without importing it."""
    spec = find_spec("torchmeta")
    return spec is not None and spec.origin is not None  # a mere folder of that name has none


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
    with _stand_ins(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what was usual in 2021
        return import_module("torchmeta")


@contextmanager
def _stand_ins() -> Iterator[None]:
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
