"""The calls that make and use models, as the commands `recommend`, `adapt` and `predict` do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.api.calls import cache_folder, ignore, plugins_here, say_on_stderr

if TYPE_CHECKING:
    from harness.adaptation.adapt import Adapted
    from harness.adaptation.recommend import Recommendation
    from harness.models.exporting import Parity
    from harness.models.model import ImagePrediction

__all__ = ["adapt", "export", "predict", "recommend"]

Images = str | Path | Sequence[str | Path]


def adapt(  # noqa: PLR0913 - they mirror the flags of `harness adapt`
    photos: str | Path,
    output: str | Path,
    *,
    method: str = "auto",
    device: str = "cpu",
    mode: Literal["measured", "emulated"] | None = None,
    keep: Literal["derived", "supernet"] = "derived",
    size: int = 32,
    colours: Literal["rgb", "gray"] = "rgb",
    channels: int = 8,
    epochs: int = 24,
    memory_mib: float | None = None,
    seed: int = 0,
    cache_root: str | Path | None = None,
    progress: bool = True,
) -> Adapted:
    """Adapt a network to photos on a device, and leave it as a model folder.

    The same call again goes on where one was interrupted.

    Args:
        photos: folder of <class>/<photo> or <split>/<class>/<photo>.
        output: the model folder to make.
        method: such as `"onnas"`; `"auto"` takes what `recommend` says.
        device: to run on or to emulate.
        mode: insists on the device itself, or on its emulation.
        keep: the network derived from the search, or the supernet.
        size: height and width that photos are brought to, in pixels.
        colours: three channels or one.
        channels: C, the width of a cell.
        epochs: passes over the photos.
        memory_mib: a smaller limit than the device's, in MiB.
        seed: draws what is held out, and the weights.
        cache_root: where decoded photos and trials under way are kept.
        progress: whether progress is shown on standard error.

    Raises:
        UsageError: what was asked for makes no sense, or the photos do not; nothing is left.
        AdaptationFailedError: the method did not end well on the device; nothing is left.
    """
    from harness.adaptation.adapt import adapt as adapt_photos  # noqa: PLC0415 - imports torch
    from harness.adaptation.request import AdaptRequest  # noqa: PLC0415 - as above
    from harness.api.progress import interruptible_progress  # noqa: PLC0415 - as above
    from harness.trials.record_writer import SilentListener  # noqa: PLC0415 - as above

    request = AdaptRequest(
        photos=Path(photos),
        output=Path(output),
        method=method,
        device=device,
        mode=mode,
        keep=keep,
        size=size,
        colours=colours,
        channels=channels,
        epochs=epochs,
        memory_mib=memory_mib,
        seed=seed,
        cache_root=cache_folder(cache_root),
    )
    shown = interruptible_progress if progress else lambda _: nullcontext(SilentListener())
    return adapt_photos(plugins_here(), request, shown, say_on_stderr if progress else ignore)


def recommend(  # noqa: PLR0913 - they mirror the flags of `harness recommend`
    photos: str | Path,
    *,
    device: str = "cpu",
    mode: Literal["measured", "emulated"] | None = None,
    keep: Literal["derived", "supernet"] = "derived",
    size: int = 32,
    colours: Literal["rgb", "gray"] = "rgb",
    channels: int = 8,
    epochs: int = 24,
    memory_mib: float | None = None,
    time_s: float | None = None,
    seed: int = 0,
    cache_root: str | Path | None = None,
    progress: bool = True,
) -> Recommendation:
    """Say which method to take for photos on a device, and what it will cost.

    Args:
        photos: folder of <class>/<photo> or <split>/<class>/<photo>.
        device: to run on or to emulate.
        mode: insists on the device itself, or on its emulation.
        keep: the network derived from the search, or the supernet.
        size: height and width that photos are brought to, in pixels.
        colours: three channels or one.
        channels: C, the width of a cell.
        epochs: passes over the photos that the adaptation would have.
        memory_mib: a smaller limit than the device's, in MiB.
        time_s: seconds that the adaptation may take on the device.
        seed: draws what is held out, and the weights.
        cache_root: where decoded photos, estimates and trials are kept.
        progress: whether progress is shown on standard error.

    Raises:
        UsageError: what was asked for makes no sense, or the photos do not.
    """
    from harness.adaptation.recommend import recommend as choose  # noqa: PLC0415 - imports torch
    from harness.adaptation.request import PhotosRequest  # noqa: PLC0415 - as above
    from harness.api.progress import interruptible_progress  # noqa: PLC0415 - as above
    from harness.trials.record_writer import SilentListener  # noqa: PLC0415 - as above

    request = PhotosRequest(
        photos=Path(photos),
        device=device,
        mode=mode,
        keep=keep,
        size=size,
        colours=colours,
        channels=channels,
        epochs=epochs,
        memory_mib=memory_mib,
        seed=seed,
        cache_root=cache_folder(cache_root),
    )
    shown = interruptible_progress if progress else lambda _: nullcontext(SilentListener())
    say = say_on_stderr if progress else ignore
    return choose(plugins_here(), request, shown, say, time_s)


def predict(model: str | Path, images: Images, *, top: int = 1) -> list[ImagePrediction]:
    """Say what images show, with the model of a folder; reading it runs none of its code.

    Args:
        model: the folder.
        images: files, folders of images, or patterns.
        top: how many classes are told of each image, the likeliest ones.

    Returns:
        A prediction for each image, in their order; of one that cannot be read it says why.

    Raises:
        UsageError: it is no model folder, of another version, or damaged; or there are no images.
    """
    from harness.models.images import image_files, read_images  # noqa: PLC0415 - for those who ask
    from harness.models.model import load_model  # noqa: PLC0415 - imports torch

    files = image_files(_listed(images))
    return list(load_model(Path(model)).predict(read_images(files), top))


def export(
    model: str | Path, output: str | Path, *, check: Images = (), from_pixels: bool = False
) -> Parity:
    """Write the model of a folder as ONNX, once it was seen to predict the same.

    Args:
        model: the folder.
        output: the file to write.
        check: images to compare both on; without any, noise stands in for them.
        from_pixels: whether the graph takes pixels of 0 to 255, and standardises them itself.

    Raises:
        UsageError: the model cannot be read, an extra is missing, or the file cannot be written.
        ExportFailedError: the file would predict something else.
    """
    from harness.models.exporting import export_onnx  # noqa: PLC0415 - imports torch
    from harness.models.images import image_files  # noqa: PLC0415 - for those who ask
    from harness.models.model import load_model  # noqa: PLC0415 - imports torch

    files = image_files(_listed(check))
    return export_onnx(load_model(Path(model)), Path(output), files, from_pixels=from_pixels)


def _listed(images: Images) -> list[str]:
    if isinstance(images, (str, Path)):
        return [str(images)]
    return [str(each) for each in images]
