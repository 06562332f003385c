"""The data set `glyphs`: the characters of eleven scripts, drawn from matplotlib's fonts.

They were drawn once, and are part of the package: drawing 9,020 images would take too long for a
first command, and another version of the fonts or of the renderer may change a few pixels.
`rendering.write_drawn` draws them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.cache import DatasetContent
from harness.data.layout import DatasetLayout, ImagePlace
from harness.data.prepare import prepare_generated
from harness.environment import Check
from harness.errors import DataError

__all__ = ["DRAWN", "INSTANCES", "SIZE", "SPLITS", "Glyphs", "check_drawn", "class_names"]

_TRAIN = {
    "digits": "23456789",
    "latin": "ACDEFGHJKLMNPQRTUVWXYZabdefikmnqrty",
    "latin-extended": "ÆÞßæðøƁƄƇƊƑƕƜƝƢƣƤƦƧƩƪƫƱƴƸƺǁǶȜȡȢȵȶȸȹȻȾȿɀɁɆɊ",
    "phonetic": "ɑɔɕɖɗɘɚɝɠɣɦɧɪɬɮɱɲɳɶɷɸɹɻɽɿʁʂʆʇʉʍʎʐʑʒʔʕʖʞ",
    "greek": "ΔΞΦΨβζλμνξπςφχω",
    "cyrillic": "ЂЉЋЏДЖИКЛЧЪЫЮЯфцђћѤѦѨѪѬѮѰѸѺѼҐҔҠҤҦҨҴҼӇӋӺӼԀԂԄԆԎԒԔԖԘԠ",
    "canadian-syllabics": "ᐅᐊᐳᐸᒉᒋᒍᓀᓂᓄᓇᓓᓕᓗᓚᓭᓯᔐᔑᔓᔕᔦᔨᔪᔭᕂᕆᕋᕗᕙᕠᕤᕿᖁᖃᖏᖑᖓᖠᖢᖤ",
}

_VAL = {
    "hebrew": (
        "\u05d0\u05d1\u05d3\u05d4\u05d6\u05d8\u05da\u05dc\u05de"
        "\u05e0\u05e2\u05e3\u05e4\u05e5\u05e6\u05e7\u05e8\u05e9\u05ea"
    ),
    "arabic": (
        "\u0626\u0628\u0629\u062a\u062c\u062e\u062f\u0631\u0633\u0637\u0639"
        "\u063a\u0641\u0642\u0643\u0644\u0645\u0646\u0647\u0648\u064a"
    ),
    "lao": "ກຂຄຈຊຍຕຖທນປຜຝພມຣລວສຫຮ",
    "nko": (
        "\u07cd\u07ce\u07cf\u07d0\u07d1\u07d2\u07d3\u07d4\u07d5\u07d6\u07d7\u07d8"
        "\u07d9\u07da\u07dc\u07dd\u07de\u07df\u07e1\u07e2\u07e3\u07e4\u07e5"
    ),
}

_TEST = {
    "armenian": "ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՃՅՆՇՈՉՊՎՐՒՓՔՕՖադեզըթիլխծկհճմյնշչպջռվցփֆև",
    "georgian": "აბგდეთკლმნჟრტფქღყცჭჯჰჱჲჴ",
    "georgian-capitals": "ႡႢႥႧႨႩႪႫႭႯႰႱႲႴႵႶႸႺႼႽႿჁჃჄჅ",
    "tifinagh": "ⴰⴱⴴⴶⴷⴸⴺⴻⴼⴽⴿⵁⵃⵄⵅⵊⵋⵌⵍⵎⵐⵑⵒⵓⵖⵛⵜⵟⵢⵣⵤ",
}

SPLITS = {"test": _TEST, "train": _TRAIN, "val": _VAL}
"""The characters of each script of each split."""


INSTANCES = 20  # images a character, as in Omniglot

SIZE = 28  # pixels, height and width of an image

DRAWN = Path(__file__).with_name("drawn.npz")
"""For each split its images, uint8 (classes x INSTANCES, 1, SIZE, SIZE)."""


class Glyphs:
    """Characters drawn from the fonts that matplotlib ships (a `DatasetProvider`)."""

    def form(self) -> DatasetForm:
        """Return the form of the images."""
        return DatasetForm("few-shot", (1, SIZE, SIZE))

    def shows_images(self) -> bool:
        """Say yes: the fonts are free, and so is what is drawn from them."""
        return True

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the characters.

        Raises:
            DataError: the images are missing or damaged.
        """
        try:
            stamp = {"drawn": hashlib.sha256(DRAWN.read_bytes()).hexdigest()}
        except OSError as error:
            raise _unreadable(error) from error
        return prepare_generated(_content, stamp, request, name="glyphs", kind="few-shot")


def class_names(split: str) -> dict[str, str]:
    """Return the characters of a split by class, such as `greek-03bb`, in sorted order."""
    names = {
        f"{script}-{ord(character):04x}": character
        for script, characters in SPLITS[split].items()
        for character in characters
    }
    return dict(sorted(names.items()))


def _content() -> DatasetContent:
    counts = {split: dict.fromkeys(class_names(split), INSTANCES) for split in SPLITS}
    layout = DatasetLayout((1, SIZE, SIZE), counts)
    return DatasetContent(layout, _images(layout))


def _images(layout: DatasetLayout) -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
    try:
        with DRAWN.open("rb") as file, np.load(file, allow_pickle=False) as drawn:
            splits: dict[str, NDArray[np.uint8]] = {split: drawn[split] for split in SPLITS}
    except Exception as error:  # whatever is wrong with it, the remedy is the same
        raise _unreadable(error) from error
    for split, images in splits.items():
        if images.dtype != np.uint8 or images.shape != (layout.images(split), *layout.shape):
            raise _unreadable(f"split '{split}' is of another form")
        for row, pixels in enumerate(images):
            yield ImagePlace(split, row), pixels


def check_drawn() -> Check:
    """Look whether the images that come with the package are there."""
    if DRAWN.is_file():
        return Check("glyphs", "ok", "the drawn characters are there")
    return Check("glyphs", "problem", f"'{DRAWN}' is not there", "reinstall onnas-harness")


def _unreadable(why: object) -> DataError:
    return DataError(f"'{DRAWN}', a part of this package, cannot be read ({why}); reinstall it")
