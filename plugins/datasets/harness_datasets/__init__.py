"""The built-in data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl
from harness.hookspecs import Register

if TYPE_CHECKING:
    from harness.environment import Check


@hookimpl
def harness_register_datasets(register: Register) -> None:
    """Register the drawn data set, the published ones, and people's own images."""
    register(
        "glyphs",
        "harness_datasets.glyphs.provider:Glyphs",
        summary="characters of 11 scripts drawn from matplotlib's fonts; built in, few-shot",
    )
    register(
        "omniglot",
        "harness_datasets.omniglot:Omniglot",
        summary="handwritten characters of 50 alphabets, 28x28 gray, few-shot",
    )
    register(
        "cifar10",
        "harness_datasets.cifar:Cifar10",
        parameters="harness_datasets.parameters:Cifar10Parameters",
        summary="photographs of 10 kinds of things, 32x32 RGB, a full task",
    )
    register(
        "cifar100",
        "harness_datasets.cifar:Cifar100",
        parameters="harness_datasets.parameters:Cifar100Parameters",
        summary="photographs of 100 kinds of things, 32x32 RGB, a full task",
    )
    register(
        "miniimagenet",
        "harness_datasets.miniimagenet:MiniImagenet",
        summary="photographs of 100 kinds of things, 84x84 RGB, few-shot; not downloadable",
    )
    register(
        "folder",
        "harness_datasets.own_images:Folder",
        parameters="harness_datasets.parameters:FolderParameters",
        summary="your own images, laid out as <split>/<class>/<image>",
    )
    register(
        "photos",
        "harness_datasets.own_images:Photos",
        parameters="harness_datasets.parameters:PhotosParameters",
        summary="your own photos, laid out as <class>/<photo>, split by a seed: a full task",
    )
    register(
        "torchmeta",
        "harness_datasets.torchmeta.provider:Torchmeta",
        parameters="harness_datasets.parameters:TorchmetaParameters",
        summary="the episodes of torchmeta's data sets, few-shot; needs torchmeta",
    )


@hookimpl
def harness_doctor() -> list[Check]:
    """Look for the library torchmeta, and for the images of glyphs."""
    from harness_datasets.glyphs.provider import check_drawn  # noqa: PLC0415 - imports numpy
    from harness_datasets.torchmeta.library import check_torchmeta  # noqa: PLC0415 - imports numpy

    return [check_torchmeta(), check_drawn()]
