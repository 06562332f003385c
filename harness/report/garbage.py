"""Keeps Python from looking for garbage among records, which hold none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_garbage_collection"]


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Turn the search for cycles off: each goes through all records, and of 5,000 there are many.

    Reading them takes half as long without, and a page a tenth less; memory stays the same.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
