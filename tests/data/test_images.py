"""Images of any size and mode come out in one shape, and damaged ones are named."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from harness.data import images
from harness.data.images import Preprocessing, _formats, decode
from harness.errors import DataError

RGB, GRAY = Preprocessing(4, "rgb"), Preprocessing(4, "gray")


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("preprocessing", [RGB, GRAY], ids=["rgb", "gray"])
@pytest.mark.parametrize("size", [(4, 4), (9, 5), (5, 9), (1, 30)])
def test_every_image_comes_out_in_one_shape(
    png: Callable[..., bytes], mode: str, preprocessing: Preprocessing, size: tuple[int, int]
) -> None:
    """Any mode and any size, larger or smaller, gives (channels, size, size) in uint8."""
    pixels = decode(png(0, size, mode), preprocessing, "x")
    assert pixels.shape == preprocessing.shape
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "GIF", "JPEG", "WEBP"])
def test_common_formats_are_read(kind: str) -> None:
    """Every common format is read, up to what its compression loses."""
    pixels = decode(encoded(Image.new("RGB", (6, 4), (250, 120, 10)), kind), RGB, "x")
    assert np.abs(pixels.reshape(3, -1).T.astype(int) - (250, 120, 10)).max() <= 4


def test_image_of_the_right_size_is_kept_exactly() -> None:
    """An image that already has the wanted size is not resampled; channels come first."""
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert (decode(encoded(Image.fromarray(pixels)), RGB, "x") == pixels.transpose(2, 0, 1)).all()


def test_shorter_side_is_resized_and_the_centre_is_kept() -> None:
    """Cutting out and resizing in one give what resizing and then cutting out give."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 16), dtype=np.uint8)
    image = Image.fromarray(noise)
    expected = image.resize((8, 4), Image.Resampling.LANCZOS).crop((2, 0, 6, 4))
    assert (decode(encoded(image), GRAY, "x")[0] == np.asarray(expected)).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_turn_white(mode: str) -> None:
    """Where an image is transparent, its paper shows, whatever colour lies beneath."""
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert(mode)
    assert (decode(encoded(image), RGB, "x") == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_of_16_bits_the_upper_ones_count(kind: str) -> None:
    """Gray of 16 bits becomes that of 8, in each format that has it; nothing is clipped."""
    levels = np.linspace(0, 65535, 16).reshape(4, 4).round().astype(np.uint16)
    found = decode(encoded(Image.fromarray(levels), kind), GRAY, "x")
    assert (found[0] == np.linspace(0, 255, 16).reshape(4, 4).round()).all()


def test_colours_of_16_bits_are_read() -> None:
    """A PNG with 16 bits in each of three colours is read by its upper ones."""
    row = b"\0" + struct.pack(">HHH", 0xFFFF, 0x8080, 0) * 4
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0))]
    parts += [(b"IDAT", zlib.compress(row * 4)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    assert decode(content, RGB, "x")[:, 0, 0].tolist() == [255, 128, 0]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_more_than_16_bits_are_refused_and_not_clipped(kind: type) -> None:
    """Whole numbers of 32 bits, and floating-point ones, have no white: an error says so."""
    image = Image.fromarray(np.full((4, 4), 1000, dtype=kind))
    with pytest.raises(DataError, match=r"image 'x' cannot be read .*expected 8 or 16 bits"):
        decode(encoded(image, "TIFF"), GRAY, "x")


def test_ink_becomes_light() -> None:
    """CMYK, in which scanners and print shops store, comes out in its colours."""
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta and yellow: red
    for kind in ("JPEG", "TIFF"):
        red = decode(encoded(image, kind), RGB, "x")
        assert np.abs(red[:, 2, 2].astype(int) - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_picture_counts(kind: str) -> None:
    """The others are not looked at."""
    file = io.BytesIO()
    first, *others = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime"))
    first.save(file, kind, save_all=True, append_images=others, lossless=True)
    assert np.abs(decode(file.getvalue(), RGB, "x")[:, 2, 2].astype(int) - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_photographs_of_phones_are_read(kind: str) -> None:
    """HEIC and AVIF are read where what reads them is installed."""
    if kind not in _formats():
        pytest.skip(f"nothing that reads {kind} is installed")
    image = Image.new("RGB", (64, 48), (250, 120, 10))
    pixels = decode(encoded(image, kind), RGB, "x")
    assert np.abs(pixels[:, 2, 2].astype(int) - (250, 120, 10)).max() <= 6


@pytest.mark.parametrize(
    ("brand", "words"), [(b"heic", r"onnas-harness\[heic\]"), (b"avif", r"pillow>=11\.3")]
)
def test_what_reads_a_photograph_is_named_where_it_is_missing(
    brand: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone's photograph that cannot be read here says what to install."""
    monkeypatch.setattr(images, "_formats", lambda: ("PNG",))
    with pytest.raises(DataError, match=words):
        decode(b"\0\0\0\x1cftyp" + brand + bytes(64), RGB, "x")


def test_truncated_image_is_named(png: Callable[..., bytes]) -> None:
    """An image that lacks its end is an error with its name."""
    with pytest.raises(DataError, match=r"image 'train/a/7\.png' cannot be read"):
        decode(png(0, (64, 64))[:-200], RGB, "train/a/7.png")


def test_empty_file_is_called_so() -> None:
    """What a full disk or a broken transfer has left is no matter of formats."""
    with pytest.raises(DataError, match=r"image 'x' cannot be read \(it is empty\)"):
        decode(b"", RGB, "x")


@pytest.mark.parametrize("content", [b"no image", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_other_files_are_named(content: bytes) -> None:
    """What is no image, or is PostScript and would be run, is an error with its name."""
    with pytest.raises(DataError, match=r"image 'x' cannot be read \(it is none of PNG, JPEG"):
        decode(content, RGB, "x")


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    """A file of a few bytes that unpacks to billions of pixels is refused before it does so."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(DataError, match=r"image 'x' cannot be read .*pixels"):
        decode(bomb, GRAY, "x")


# How a camera that was held so stores what is upright, by the number that EXIF has for it.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_turned_photographs_are_put_upright(orientation: int, kind: str) -> None:
    """Whatever way EXIF says that pixels lie, they come out as they were seen."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    upright, exif = Image.fromarray(noise), Image.Exif()
    exif[0x112] = orientation
    file = io.BytesIO()
    upright.transpose(STORED[orientation]).save(file, kind, exif=exif, lossless=True)
    assert (decode(file.getvalue(), RGB, "x") == decode(encoded(upright), RGB, "x")).all()


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0", b"no exif at all", b"\xff" * 80]
)
def test_damaged_exif_is_passed_over(exif: bytes) -> None:
    """Pixels are what counts: a photograph whose metadata are damaged is read as it is."""
    image = Image.new("RGB", (4, 4), (250, 120, 10))
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    assert (decode(file.getvalue(), RGB, "x") == decode(encoded(image), RGB, "x")).all()
