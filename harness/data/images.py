"""Image files: finds those that a person names, and decodes them to pixels."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from harness.data.archive import DEFAULT_LIMITS
from harness.errors import DataError, UsageError

__all__ = [
    "MARGIN",
    "STANDARD_INPUT",
    "SUFFIXES",
    "Preprocessing",
    "crop_and_flip",
    "decode",
    "image_files",
    "read_bounded",
    "read_images",
]

_MAX_PIXELS = 64 * 2**20  # a few hundred MiB when decoded; larger files are refused as bombs

# No formats that Pillow hands to other programs (EPS), nor any for things other than pictures.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "PPM", "TIFF")

# Of 8 bits a channel or fewer, or of 16 in gray; others would be clipped silently.
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_DEEP_MODES = {"I;16", "I;16L", "I;16B"}

# Brands of ISO media files, and the format that reads them, which is not installed everywhere.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
_READERS = {
    "HEIC": "pillow-heif: pip install 'onnas-harness[heic]'",
    "AVIF": "a Pillow with AVIF: pip install 'pillow>=11.3'",
}


@cache
def _formats() -> tuple[str, ...]:
    """Return the formats that can be read here."""
    found = list(_FORMATS)
    with suppress(ImportError):
        from PIL import AvifImagePlugin  # noqa: PLC0415 - of Pillow 11.3 or later

        found += ["AVIF"] if AvifImagePlugin.SUPPORTED else []
    with suppress(ImportError):
        import pillow_heif  # noqa: PLC0415 - an extra

        pillow_heif.register_heif_opener()
        found.append("HEIF")
    return tuple(found)


@dataclass(frozen=True)
class Preprocessing:
    """How images are brought to one shape, which is square."""

    size: int  # pixels
    mode: Literal["gray", "rgb"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (1 if self.mode == "gray" else 3, self.size, self.size)


def decode(content: bytes, preprocessing: Preprocessing, where: str) -> NDArray[np.uint8]:
    """Decode an image file and bring it to shape.

    The shorter side is resized to `size` with Lanczos resampling (which filters before it shrinks),
    then the centre is cut out. Transparent parts turn white. A photograph that a camera has stored
    turned or mirrored, and says so in EXIF, is put upright first. Of an animation the first picture
    counts, of 16 bits the upper ones.

    Args:
        content: the bytes of the file.
        preprocessing: the wanted shape.
        where: the file's name, for the message.

    Returns:
        Pixels of shape (channels, size, size).

    Raises:
        DataError: the file is not an image, is damaged, too large, or deeper than 16 bits.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata; pixels are what counts
            image = Image.open(io.BytesIO(content), formats=_formats())
            _check_bounds(image)
            converted = _convert(_upright(image), preprocessing.mode)
            pixels = np.asarray(_fit(converted, preprocessing.size))
    except Exception as error:  # Pillow's readers raise a dozen kinds on damaged bytes
        raise DataError(f"image '{where}' cannot be read ({_reason(error, content)})") from error
    # (size, size) or (size, size, 3) -> (channels, size, size)
    return np.atleast_3d(pixels).transpose(2, 0, 1)


def _check_bounds(image: Image.Image) -> None:
    """Check the header alone, before anything is decoded."""
    if image.width * image.height > _MAX_PIXELS:
        raise ValueError(f"{image.width}x{image.height} is more than {_MAX_PIXELS:,} pixels")
    is_deep = image.mode in _DEEP_MODES or (image.mode == "I" and image.format == "PPM")
    if image.mode not in _MODES and not is_deep:
        raise ValueError(f"its pixels are of mode {image.mode}; expected 8 or 16 bits a channel")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata; what is wrong with pixels, decoding them will tell
        return image


def _convert(image: Image.Image, mode: Literal["gray", "rgb"]) -> Image.Image:
    if image.mode.startswith("I"):
        upper = (np.asarray(image).astype(np.uint32) + 128) // 257  # from 0..65535 to 0..255
        image = Image.fromarray(upper.astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if mode == "gray" else "RGB")


def _fit(image: Image.Image, size: int) -> Image.Image:
    """Cut out the centre square and resize it, which resizes the shorter side and cuts in one."""
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)


def _reason(error: Exception, content: bytes) -> str:
    """Return Pillow's reason, unless it names a Python object, which would not help people."""
    if not isinstance(error, UnidentifiedImageError):
        return str(error) or type(error).__name__
    if not content:
        return "it is empty"
    kind = _BRANDS.get(content[8:12]) if content[4:8] == b"ftyp" else None
    if kind is not None:
        return f"it is {kind}, which needs {_READERS[kind]}"
    return f"it is none of {', '.join(_formats())}"


MARGIN = 4  # pixels on each side, as for CIFAR since He et al. (CVPR 2016, section 4.2)


def crop_and_flip(images: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Cut each image out of itself with a margin of zeros, at random, and mirror half of them.

    Args:
        images: (N, channels, height, width), standardised, so that zero is the mean.
        random: draws two offsets and a coin for each image.

    Returns:
        New images of the same shape.
    """
    count, _, height, width = images.shape
    margins = ((0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
    wide = np.pad(images, margins)  # (N, channels, height + 8, width + 8)
    offsets = random.integers(0, 2 * MARGIN + 1, size=(count, 2))
    mirrored = random.random(count) < 0.5
    cut = np.stack(
        [
            image[:, top : top + height, left : left + width]
            for image, (top, left) in zip(wide, offsets, strict=True)
        ]
    )
    cut[mirrored] = cut[mirrored, ..., ::-1]
    return cut


# The files that a person names

STANDARD_INPUT = "-"

SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".ppm", ".pgm", ".pbm",
    ".tif", ".tiff", ".heic", ".heif", ".avif",
}  # fmt: skip
"""Suffixes by which files of a folder are taken for images."""

_MOST_BYTES = DEFAULT_LIMITS.member_bytes  # of an image file, in an archive or not


def image_files(given: Sequence[str]) -> list[str]:
    """Return the image files that names stand for, in their order, each once.

    Args:
        given: files; folders, whose images are taken at any depth; patterns such as `new/*.jpg`;
            and `-`, one image on standard input.

    Raises:
        UsageError: a name stands for nothing.
    """
    found: dict[str, None] = {}
    for name in given:
        found.update(dict.fromkeys(_expanded(name)))
    return list(found)


def _expanded(name: str) -> list[str]:
    path = Path(name)
    if name == STANDARD_INPUT or _is_file(path):
        return [name]
    if path.is_dir():
        files = [str(each) for each in sorted(_below(path))]
        if not files:
            raise UsageError(f"'{name}' holds no images")
        return files
    if any(sign in name for sign in "*?["):
        base = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(base)) if path.is_absolute() else name
        found = [each for each in sorted(base.glob(pattern)) if each.is_file()]
        matched = [str(each) for each in found if not each.name.startswith(".")]  # as shells do
        if matched:
            return matched
        raise UsageError(f"no file matches '{name}'")
    raise UsageError(
        f"'{name}' does not exist; name images, folders of them, or - for one on stdin"
    )


def _below(folder: Path) -> Iterator[Path]:
    """Yield the images below a folder, and folders that cannot be listed, as reading them says."""
    barred: list[Path] = []
    walk = os.walk(folder, onerror=lambda error: barred.append(Path(error.filename)))
    for path in (Path(root) / name for root, _, names in walk for name in names):
        if _is_image(path.relative_to(folder)) and _is_file(path):
            yield path
    yield from barred


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # to look into its folder: reading it says so
        return True


def _is_image(path: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not is_hidden


def read_images(names: Iterable[str]) -> Iterator[tuple[str, bytes | DataError]]:
    """Yield each name with the bytes of its file, or with the reason why it cannot be read."""
    for name in names:
        try:
            yield name, read_bounded(name)
        except DataError as error:
            yield name, error


def read_bounded(path: str | Path) -> bytes:
    """Return the bytes of an image file, or of standard input.

    Raises:
        DataError: it cannot be read, or is larger than an image may be.
    """
    try:
        if path == STANDARD_INPUT:
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"image '{path}' cannot be read ({error.strerror or error})") from None
    if len(content) > _MOST_BYTES:
        raise DataError(f"image '{path}' is larger than {_MOST_BYTES:,} bytes")
    return content
