"""The calls that make and use models, as the commands `recommend`, `adapt` and `predict` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from harness.api.arguments import cache_folder, listeners, path_of, plugins_here, teller

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from harness.adaptation.adapt import Adapted
    from harness.adaptation.decision import Recommendation
    from harness.models.exporting import Form, Parity
    from harness.models.model import ImagePrediction

__all__ = ["AdaptOptions", "PhotoOptions", "adapt", "export", "predict", "recommend"]

Images = str | Path | Sequence[str | Path]


class PhotoOptions(TypedDict, total=False):
    """Further arguments of `adapt` and `recommend`, with the defaults of their commands.

    Attributes:
        device: to run on or to emulate.
        mode: insists on the device itself, or on its emulation.
        keep: the network derived from the search, or the supernet.
        size: height and width that photos are brought to, in pixels.
        colours: three channels or one.
        channels: C, the width of a cell.
        epochs: passes over the photos.
        memory_mib: a smaller limit than the device's, in MiB.
        race_s: seconds for which methods are raced here to choose one; its rehearsal with all
            epochs comes on top.
        seed: draws what is held out, and the weights.
        cache_root: where decoded photos, estimates and trials under way are kept.
    """

    device: str
    mode: Literal["measured", "emulated"] | None
    keep: Literal["derived", "supernet"]
    size: int
    colours: Literal["rgb", "gray"]
    channels: int
    epochs: int
    memory_mib: float | None
    race_s: float
    seed: int
    cache_root: str | Path | None


class AdaptOptions(PhotoOptions, total=False):
    """Further arguments of `adapt` alone.

    Attributes:
        base: a model folder whose network learns on, in place of a search.
        checkpoint: a file that `harness pretrain` has left, which the search starts from.
    """

    base: str | Path | None
    checkpoint: str | Path | None


def adapt(
    photos: str | Path,
    output: str | Path,
    *,
    method: str = "auto",
    on: str | None = None,
    progress: bool = True,
    **options: Unpack[AdaptOptions],
) -> Adapted:
    """Adapt a network to photos on a device, and leave it as a model folder.

    The same call again goes on where one was interrupted.

    Args:
        photos: folder of <class>/<photo> or <split>/<class>/<photo>.
        output: the model folder to make.
        method: such as `"onnas"`; `"auto"` takes what `recommend` says.
        on: a board that is reached by ssh and does it, such as `"ssh://user@board"`; its cache is
            its own.
        progress: whether progress is shown on standard error.
        options: the device, the budget and so on, see `AdaptOptions`.

    Raises:
        UsageError: what was asked for makes no sense, or the photos do not; nothing is left.
        AdaptationFailedError: the method did not end well on the device; nothing is left.
        BoardError: the board cannot be used, or something failed there; nothing is left here.
    """
    from harness.adaptation.adapt import adapt as adapt_photos  # noqa: PLC0415 - imports torch
    from harness.adaptation.request import AdaptRequest  # noqa: PLC0415 - as above

    files = {name: options.get(name) for name in ("base", "checkpoint")}
    paths = {name: path_of(str(file)) for name, file in files.items() if file is not None}
    fields = {**_fields(photos, options), "base": None, "checkpoint": None, **paths}
    request = AdaptRequest(output=path_of(output), method=method, **fields)
    if on is not None:
        from harness.boards.connection import BoardAddress  # noqa: PLC0415 - as above
        from harness.boards.work import adapt_on  # noqa: PLC0415 - as above

        say = teller(progress=progress)
        return adapt_on(BoardAddress.parsed(on), plugins_here(), request, say)
    return adapt_photos(plugins_here(), request, *listeners(progress=progress))


def recommend(  # noqa: PLR0913 - they mirror the flags of `harness recommend`
    photos: str | Path,
    *,
    time_s: float | None = None,
    energy_j: float | None = None,
    rehearse: bool = True,
    on: str | None = None,
    progress: bool = True,
    **options: Unpack[PhotoOptions],
) -> Recommendation:
    """Say which method to take for photos on a device, what it will cost, and what to expect.

    Args:
        photos: folder of <class>/<photo> or <split>/<class>/<photo>.
        time_s: seconds that the adaptation may take on the device.
        energy_j: joules that it may take, as they are predicted.
        rehearse: whether the choice is run once with all epochs, which `adapt` then need not.
        on: a board that is reached by ssh and does it, such as `"ssh://user@board"`.
        progress: whether progress is shown on standard error.
        options: the device, the budget and so on, see `PhotoOptions`.

    Raises:
        UsageError: what was asked for makes no sense, or the photos do not.
        BoardError: the board cannot be used, or something failed there.
    """
    from harness.adaptation.recommend import recommend as choose  # noqa: PLC0415 - imports torch
    from harness.adaptation.request import PhotosRequest, Wishes  # noqa: PLC0415 - as above

    request = PhotosRequest(**_fields(photos, options))
    wishes = Wishes(seconds=time_s, joules=energy_j, rehearses=rehearse)
    if on is not None:
        from harness.boards.connection import BoardAddress  # noqa: PLC0415 - as above
        from harness.boards.work import recommend_on  # noqa: PLC0415 - as above

        say = teller(progress=progress)
        return recommend_on(BoardAddress.parsed(on), plugins_here(), request, wishes, say)
    return choose(plugins_here(), request, *listeners(progress=progress), wishes)


def _fields(photos: str | Path, options: PhotoOptions) -> dict[str, Any]:
    """Return the fields of a `PhotosRequest`."""
    cache_root = cache_folder(options.get("cache_root"))
    return {**options, "photos": path_of(photos), "cache_root": cache_root}


def predict(model: str | Path, images: Images, *, top: int = 1) -> list[ImagePrediction]:
    """Say what images show, with the model of a folder; reading it runs none of its code.

    Args:
        model: the folder.
        images: files, folders of images, or patterns.
        top: how many classes to return for each image, the likeliest first.

    Returns:
        A prediction for each image, in order; for an image that cannot be read it says why.

    Raises:
        UsageError: it is no model folder, of another version, or damaged; or there are no images.
    """
    from harness.data.images import image_files, read_images  # noqa: PLC0415 - for those who ask
    from harness.models.model import load_model  # noqa: PLC0415 - imports torch

    files = image_files(_listed(images))
    return list(load_model(path_of(model)).predict(read_images(files), top))


def export(
    model: str | Path,
    output: str | Path,
    *,
    to: Form = "onnx",
    check: Images = (),
    from_pixels: bool = False,
) -> Parity:
    """Write the model of a folder in another format, after checking that it predicts the same.

    Args:
        model: the folder.
        output: the file to write.
        to: the format.
        check: images to compare both on; without any, noise stands in for them.
        from_pixels: whether the graph takes pixels of 0 to 255, and standardises them itself.

    Raises:
        UsageError: the model cannot be read, an extra is missing, or the file cannot be written.
        ExportFailedError: the format cannot hold the network, or would predict something else.
    """
    from harness.data.images import image_files  # noqa: PLC0415 - for those who ask
    from harness.models.exporting import export_model  # noqa: PLC0415 - imports torch
    from harness.models.model import load_model  # noqa: PLC0415 - imports torch

    files = image_files(_listed(check))
    kept = load_model(path_of(model))
    return export_model(kept, path_of(output), to, files, from_pixels=from_pixels)


def _listed(images: Images) -> list[str]:
    if isinstance(images, (str, Path)):
        return [str(images)]
    return [str(each) for each in images]
