"""Finds what two splits share: classes, images, and images that are nearly the same.

What is tested must never have been learned. Images that were saved again, in another format or
size, differ a little once decoded, so digests do not find them. Two steps do: sketches of 64 bits,
of which one half at least must be equal, give candidate pairs, and their pixels decide.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Dataset, NamesClasses, Overlap, TellsOverlap
from harness.data.cache import Cache
from harness.errors import DataError, NotWrittenError
from harness.system.files import write_whole

__all__ = [
    "Images",
    "alike",
    "check_separate",
    "sketches",
]

TRAIN = "train"  # what methods are pretrained on
NUMBER = re.compile(r"\D*\d{1,5}")  # such as 7, 0012 or class_3; not n01532829

SIDE = 8  # a sketch has a bit for each of 8 x 8 differences between neighbours
# Photographs of tinyImageNet at 64 pixels, saved again at a quality of 75 or 95, differ by up to
# 0.06, and in another size by up to 0.25 (99 % of 600); different ones by 1.1 or more, of 12,000.
MOST_UNLIKE = 0.3
MOST_PAIRS = 20_000  # that are looked at; more are those of images without content
_ROWS = 512  # images looked at together, so that memory stays bounded


def check_separate(
    dataset: Dataset, split: str, name: str, *, allowed: bool, report: Callable[[str], None]
) -> str:
    """Check that no pretraining or training is on classes or images that are tested.

    In a full task, the classes are the same by intention, and images that are in both splits are
    only reported; so are, in any task, photographs that are nearly the same.

    Args:
        dataset: the prepared data set.
        split: the split that is tested.
        name: of the data set, for the message.
        allowed: whether a person has allowed it.
        report: takes a sentence.

    Returns:
        What is shared, in words; empty if nothing is, or nothing is known.

    Raises:
        DataError: something is shared, and that is not allowed.
    """
    if split == TRAIN:
        return ""
    shared = _overlap(dataset, split)
    is_few_shot = dataset.kind == "few-shot"
    named = [each for each in shared.classes if not NUMBER.fullmatch(each)] if is_few_shot else []
    if is_few_shot and len(named) < len(shared.classes):
        numbered = sorted(set(shared.classes) - set(named))
        report(
            f"{len(numbered)} classes of data set '{name}' go by the same number in '{TRAIN}' and "
            f"in '{split}' (such as '{numbered[0]}'): they are taken for different ones, counted "
            "anew in each split"
        )
    found = _in_words(named, shared.images, split)
    if found and is_few_shot and not allowed:
        raise DataError(
            f"data set '{name}' cannot be pretrained on: {found}, so that what is tested would "
            "have been learned; keep splits apart, search without pretraining (meta_epochs=0), or "
            "pass --allow-shared-classes, which the records then report"
        )
    found = "; ".join(filter(None, (found, _alike_in_words(shared.alike, split))))
    if found:
        report(f"warning: of data set '{name}', {found}")
    return found


def _overlap(dataset: Dataset, split: str) -> Overlap:
    if isinstance(dataset, TellsOverlap):
        return dataset.overlap(TRAIN, split)
    if isinstance(dataset, NamesClasses) and {TRAIN, split} <= dataset.splits.keys():
        names = set(dataset.class_names(TRAIN)) & set(dataset.class_names(split))
        return Overlap(tuple(sorted(names)))
    return Overlap()


def _in_words(classes: list[str], images: int, split: str) -> str:
    found = []
    if classes:
        some = ", ".join(f"'{each}'" for each in classes[:3])
        which = f"{some} and others" if len(classes) > len(classes[:3]) else some
        found.append(f"{_counted(len(classes), 'class', 'classes')} of '{split}' ({which})")
    if images:
        found.append(f"{_counted(images, 'image', 'images')} of '{split}'")
    number = len(classes) + images
    return (
        f"{' and '.join(found)} {'is' if number == 1 else 'are'} in '{TRAIN}' too" if found else ""
    )


def _alike_in_words(number: int, split: str) -> str:
    if not number:
        return ""
    what = _counted(number, "image", "images")
    return (
        f"{what} of '{split}' {'is' if number == 1 else 'are'} almost the same as in '{TRAIN}', as "
        "if saved again or in another size"
    )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


class Images(NamedTuple):
    """Some images of a split."""

    pixels: NDArray[np.uint8]  # (all, channels, height, width), read from disk as they are used
    rows: NDArray[np.int64]  # (images,), which of them
    sketches: NDArray[np.uint64]  # (images,)


def alike(one: Images, other: Images) -> NDArray[np.int64]:
    """Return the indices of images of `other` that are nearly the same as one of `one`."""
    pairs = np.array(list(_pairs(one.sketches, other.sketches)), np.int64).reshape(-1, 2)
    found = [
        chunk[_unlike(one, other, chunk) <= MOST_UNLIKE, 1]
        for chunk in np.array_split(pairs, range(_ROWS, len(pairs), _ROWS))
    ]
    return np.unique(np.concatenate(found))


def _pairs(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yield the indices of images that share one half of their sketches, up to `MOST_PAIRS`."""
    for half in (0, 1):
        ours, theirs = (each.view(np.uint32).reshape(-1, 2)[:, half] for each in (one, other))
        order = np.argsort(ours, kind="stable")
        first = np.searchsorted(ours, theirs, "left", sorter=order)
        last = np.searchsorted(ours, theirs, "right", sorter=order)
        allowed = MOST_PAIRS // 2
        for place in np.nonzero(last > first)[0]:
            for partner in order[first[place] : last[place]][:allowed]:
                yield int(partner), int(place)
            allowed = max(allowed - int(last[place] - first[place]), 0)


def _unlike(one: Images, other: Images, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return each pair's mean difference of pixels, relative to that from the image's mean."""
    ours = one.pixels[one.rows[pairs[:, 0]]].astype(np.float32)
    theirs = other.pixels[other.rows[pairs[:, 1]]].astype(np.float32)
    apart = np.abs(ours - theirs).mean(axis=(1, 2, 3))
    content = np.abs(ours - ours.mean(axis=(2, 3), keepdims=True)).mean(axis=(1, 2, 3))
    unlike: NDArray[np.float32] = np.full_like(apart, np.inf)
    np.divide(apart, content, out=unlike, where=content > 0)
    return unlike


def sketches(cache: Cache, split: str) -> NDArray[np.uint64]:
    """Return the sketches of a split's images, (images,), made now or kept beside the images."""
    path = cache.folder / f"split{list(cache.arrays).index(split)}-sketches.npy"
    pixels = cache.arrays[split]
    with suppress(OSError, ValueError, EOFError):
        kept: NDArray[np.uint64] = np.load(path, allow_pickle=False)
        if kept.dtype == np.uint64 and kept.shape == (len(pixels),):
            return kept
    made = [_sketch(pixels[start : start + _ROWS]) for start in range(0, len(pixels), _ROWS)]
    found = np.concatenate(made)
    content = io.BytesIO()
    np.save(content, found)
    with suppress(NotWrittenError):  # a cache that is read alone; they are made again next time
        write_whole(path, content.getvalue())
    return found


def _sketch(pixels: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the sketches (N,) of images (N, channels, height, width).

    A bit says whether a part of the image is lighter than the one left of it; the halves of a
    sketch hold bits from everywhere.
    """
    gray = pixels.sum(axis=1, dtype=np.int64)  # (N, height, width)
    height, width = gray.shape[1:]
    tops, lefts = np.arange(SIDE) * height // SIDE, np.arange(SIDE + 1) * width // (SIDE + 1)
    sums = np.add.reduceat(np.add.reduceat(gray, tops, axis=1), lefts, axis=2)
    # Of fewer pixels than parts, some parts are the same one.
    tall, wide = np.diff([*tops, height]), np.diff([*lefts, width])
    areas = np.outer(np.maximum(tall, 1), np.maximum(wide, 1))
    means = sums / areas  # (N, 8, 9)
    bits = (means[:, :, 1:] > means[:, :, :-1]).reshape(len(pixels), SIDE * SIDE)
    mixed = bits[:, np.random.default_rng(0).permutation(SIDE * SIDE)]
    packed: NDArray[np.uint64] = np.packbits(mixed, axis=1).copy().view(np.uint64)[:, 0]
    return packed.copy()
