"""Whether what is tested was never learned: classes and images that two splits share."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.contracts import Dataset, NamesClasses, Overlap, TellsOverlap
from harness.errors import DataError

__all__ = ["check_separate"]

TRAIN = "train"  # what methods are pretrained on
NUMBER = re.compile(r"\D*\d{1,5}")  # such as 7, 0012 or class_3; not n01532829


def check_separate(
    dataset: Dataset, split: str, name: str, *, allowed: bool, report: Callable[[str], None]
) -> str:
    """Refuse to pretrain on classes, or on images, that are tested.

    Of a full task the classes are the same by intention; images that are in both splits are told,
    and so are photographs that are all but the same.

    Args:
        dataset: is prepared.
        split: what is tested.
        name: of the data set, for the message.
        allowed: whether a person wants it all the same.
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
