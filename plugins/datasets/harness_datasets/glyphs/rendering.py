"""Draws characters: one font face and one small warp an image, the same ones on every machine."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from harness.canonical import digest
from harness.errors import DataError
from harness.system.plotting import fonts_folder
from harness_datasets.glyphs.provider import DRAWN, INSTANCES, SIZE, SPLITS, class_names

__all__ = ["Renderer", "Warp", "draw_warp", "write_drawn"]

_OVERSAMPLING = 4  # images are drawn this much larger, then averaged down
_FONT_SIZE = 96  # pixels an em; larger than any glyph in the enlarged image
_FILL = 0.66  # of the image's side, taken by a character's longer side before the warp

# All that matplotlib ships with letters in them. The Computer Modern faces have letters where
# ASCII has them, and other shapes than Unicode's where it does not.
_DEJAVU = [
    f"DejaVu{family}{style}.ttf"
    for family, slanted in (("Sans", "Oblique"), ("SansMono", "Oblique"), ("Serif", "Italic"))
    for style in ("", "-Bold", f"-{slanted}", f"-Bold{slanted}")
]
_STIX = [f"STIXGeneral{style}.ttf" for style in ("", "Bol", "Italic", "BolIta")]
_COMPUTER_MODERN = [f"cm{style}10.ttf" for style in ("r", "b", "ss", "tt", "ti")]

Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Warp:
    """A small affine map about a character's centre."""

    rotation: float  # radians, clockwise
    shear: float  # horizontal shift for each unit of height
    scale: tuple[float, float]  # horizontal, vertical
    shift: tuple[float, float]  # to the right, down; in parts of the image's side

    def matrix(self) -> Matrix:
        """Return the linear part (2, 2), which maps the character into the image."""
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        rotation: Matrix = np.array([[cosine, -sine], [sine, cosine]])
        shear: Matrix = np.array([[1.0, self.shear], [0.0, 1.0]])
        return rotation @ shear @ np.diag(self.scale)


def draw_warp(character: str, instance: int) -> Warp:
    """Return the warp of one image of a character, a pure function of both."""
    seed = int(digest({"character": character, "instance": instance}), 16)
    # Raw bits, the only output that numpy keeps from one release to the next -> [-1, 1).
    bits = np.random.PCG64(seed).random_raw(6)
    rotation, shear, width, height, right, down = ((bits >> 11) * 2.0**-52 - 1.0).tolist()
    return Warp(
        rotation=0.2 * rotation,  # up to 11 degrees
        shear=0.12 * shear,
        scale=(1.0 + 0.1 * width, 1.0 + 0.1 * height),
        shift=(0.04 * right, 0.04 * down),
    )


class Renderer:
    """Draws characters with the font files in one folder."""

    def __init__(self, fonts: Path) -> None:
        """Open the fonts.

        Raises:
            DataError: a font file is missing.
        """
        self._ascii = [_open_font(fonts / name) for name in _COMPUTER_MODERN]
        self._faces = {fonts / name: _open_font(fonts / name) for name in (*_DEJAVU, *_STIX)}
        self._characters = {path: _characters_of(path) for path in self._faces}

    def draw(self, character: str, warps: Sequence[Warp]) -> list[NDArray[np.uint8]]:
        """Draw a character once for each warp: face after face, and round again.

        Returns:
            Images of shape (1, SIZE, SIZE), dark on white.

        Raises:
            DataError: no face has the character.
        """
        faces = self._faces_with(character)
        masks = [_mask(character, face) for face in faces[: len(warps)]]
        return [_warped(mask, warp) for mask, warp in zip(cycle(masks), warps, strict=False)]

    def _faces_with(self, character: str) -> Sequence[ImageFont.FreeTypeFont]:
        faces = [
            face for path, face in self._faces.items() if ord(character) in self._characters[path]
        ]
        faces += self._ascii if character.isascii() else []
        if not faces:
            raise DataError(f"matplotlib's fonts have no character {character!r}")
        return faces


def _open_font(path: Path) -> ImageFont.FreeTypeFont:
    try:
        # The basic layout is in every build of Pillow, and draws letters one by one.
        return ImageFont.truetype(path, _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise DataError(f"font '{path}', a part of matplotlib, cannot be read ({error})") from error


def _characters_of(path: Path) -> Collection[int]:
    """Return the code points for which a font has a glyph of its own, not just the empty box."""
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - slow to import

    with TTFont(path, lazy=True) as font:
        characters: Mapping[int, str] = font["cmap"].getBestCmap()
    return characters


def _mask(character: str, face: ImageFont.FreeTypeFont) -> Image.Image:
    """Return the ink of a character (255 = full), cut to its bounding box."""
    left, top, right, bottom = map(round, face.getbbox(character))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), character, fill=255, font=face)
    return mask.crop(mask.getbbox())


def _warped(mask: Image.Image, warp: Warp) -> NDArray[np.uint8]:
    """Bring a character to the image's size, warped, dark on white."""
    side = SIZE * _OVERSAMPLING
    matrix = warp.matrix() * (_FILL * side / max(mask.size))
    # Pillow wants the way back, from a pixel of the image to one of the character.
    back = np.linalg.inv(matrix)
    centre = side * (0.5 + np.array(warp.shift))
    offset = np.array(mask.size) / 2 - back @ centre
    data = (*back[0], offset[0], *back[1], offset[1])
    image = mask.transform(
        (side, side), Image.Transform.AFFINE, data, resample=Image.Resampling.BILINEAR
    )
    ink = np.asarray(image.reduce(_OVERSAMPLING))
    return (255 - ink)[None]  # (SIZE, SIZE) -> (1, SIZE, SIZE)


def write_drawn(path: Path = DRAWN) -> None:
    """Draw all characters with the fonts of the matplotlib that is installed.

    Args:
        path: an `.npz` file, for each split uint8 (classes x INSTANCES, 1, SIZE, SIZE).

    Raises:
        DataError: its fonts are missing.
    """
    folder = fonts_folder()
    if folder is None:
        raise DataError("matplotlib, whose fonts glyphs are drawn from, is not there; install it")
    renderer = Renderer(folder)
    splits = {split: _drawn(renderer, split) for split in SPLITS}
    np.savez_compressed(path, **splits)  # type: ignore[arg-type] # none is called `allow_pickle`


def _drawn(renderer: Renderer, split: str) -> NDArray[np.uint8]:
    images = []
    for character in class_names(split).values():
        images += renderer.draw(character, [draw_warp(character, i) for i in range(INSTANCES)])
    return np.stack(images)
