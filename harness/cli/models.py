"""`harness predict` and `harness export`: what is done with a model folder."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import UserPath, json_option
from harness.cli.output import examples, print_json, say

if TYPE_CHECKING:
    from harness.models.exporting import Form
    from harness.models.model import ImagePrediction

__all__ = ["export_command", "predict_command"]

EXIT_SOME_UNREADABLE = 1


@click.command(
    "predict",
    epilog=examples(
        "harness predict model new-photo.jpg",
        "harness predict model inbox/ 'more/*.png' --top 3 --csv > labels.csv",
        "cat photo.jpg | harness predict model -",
    ),
)
@click.argument("model", type=UserPath())
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Classes to show for each image, the most likely first.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of text.")
@json_option
def predict_command(
    *, model: Path, images: tuple[str, ...], top: int, as_csv: bool, as_json: bool
) -> None:
    """Label images with the model in a folder.

    IMAGES are files, folders, patterns, or - for an image on standard input. An image that cannot
    be read is reported, and the others are still labelled. MODEL is a folder that `harness adapt`
    or `harness run --save-models` has made; reading it runs none of its code.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    from harness.data.images import image_files, read_images  # noqa: PLC0415 - see below
    from harness.models.model import load_model  # noqa: PLC0415 - torch, after a wrong option

    files = image_files(images)
    predictions = list(_named(load_model(model).predict(read_images(files), top)))
    if as_json:
        print_json([each.to_json() for each in predictions])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["image", "rank", "label", "probability"])
        for each in predictions:
            writer.writerows(_csv_rows(each))
    else:
        for each in predictions:
            if not each.error:
                click.echo(f"{each.image}: {_told(each)}")
    if any(each.error for each in predictions):
        raise SystemExit(EXIT_SOME_UNREADABLE)


def _named(predictions: Iterable[ImagePrediction]) -> Iterator[ImagePrediction]:
    """Pass predictions on; name on standard error what could not be read."""
    for each in predictions:
        if each.error:
            say(f"Not read: {each.error}")
        yield each


def _told(each: ImagePrediction) -> str:
    pairs = zip(each.labels, each.probabilities, strict=True)
    return ", ".join(f"{label} ({100 * probability:.0f} %)" for label, probability in pairs)


def _csv_rows(each: ImagePrediction) -> Iterator[list[object]]:
    """Give a row for each class that is told; none for what could not be read."""
    pairs = zip(each.labels, each.probabilities, strict=True)
    for rank, (label, probability) in enumerate(pairs, 1):
        yield [each.image, rank, label, f"{probability:.6f}"]


@click.command(
    "export", epilog=examples("harness export model --to onnx -o model.onnx --check photos/")
)
@click.argument("model", type=UserPath())
@click.option(
    "--to",
    "form",
    type=click.Choice(["onnx", "torchscript", "executorch"]),
    required=True,
    help="The format.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=UserPath(dir_okay=False),
    help="The file to write.",
)
@click.option(
    "--check",
    "photos",
    multiple=True,
    help="Images, folders or patterns to compare the file and the model on; folders "
    "named after classes also give the accuracy. Can be repeated.  [default: noise]",
)
@click.option(
    "--from-pixels",
    is_flag=True,
    help="Let the graph take pixels of 0 to 255, and standardise them itself.",
)
@json_option
def export_command(  # noqa: PLR0913 - one parameter an option
    *,
    model: Path,
    form: Form,
    output: Path,
    photos: tuple[str, ...],
    from_pixels: bool,
    as_json: bool,
) -> None:
    """Write the model in a folder in a format that other programs can run.

    ONNX runs in onnxruntime and TorchScript in torch, without this harness and with a free
    batch size, ExecuTorch in its runtime with one image at a time. The file is compared with the
    model before it is written.
    """
    from harness.data.images import image_files  # noqa: PLC0415 - as above
    from harness.models.exporting import export_model  # noqa: PLC0415 - torch, as late as can be
    from harness.models.model import load_model  # noqa: PLC0415 - as above

    files = image_files(photos)
    found = export_model(load_model(model), output, form, files, from_pixels=from_pixels)
    if as_json:
        print_json({**asdict(found), "path": str(found.path)})
        return
    opset = f", opset {found.opset}" if found.opset else ""
    what = "images" if found.are_real else "images of noise (--check names real ones)"
    click.echo(f"{found.path}: {found.bytes / 2**20:,.2f} MiB{opset}")
    click.echo(
        f"Compared on {found.images} {what}: logits differ by {found.largest_difference:.1e} at "
        f"most, and {found.alike} have the same class first."
    )
    if found.labelled:
        click.echo(
            f"Right about {found.right_before} of {found.labelled} images before, and about "
            f"{found.right_after} after."
        )
