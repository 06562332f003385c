"""The data set `glyphs`: the characters of eleven scripts, drawn from matplotlib's fonts."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import features

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.cache import DatasetContent
from harness.data.layout import DatasetLayout, ImagePlace
from harness.data.prepare import counted, prepare_generated
from harness.errors import DataError
from harness.system.plotting import fonts_folder
from harness_datasets.glyphs.rendering import SIZE, Renderer, draw_warp

__all__ = ["INSTANCES", "SPLITS", "Glyphs", "class_names"]

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

_VERSION = 1  # goes up whenever the drawing changes


class Glyphs:
    """Characters drawn from the fonts that matplotlib ships (a `DatasetProvider`).

    Another version of the fonts or of the renderer may move a few pixels: the fingerprint tells.
    """

    def form(self) -> DatasetForm:
        """Return the form of the images."""
        return DatasetForm("few-shot", (1, SIZE, SIZE))

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the characters, drawn now or taken from the cache.

        Raises:
            DataError: matplotlib's fonts are missing.
        """
        return prepare_generated(
            lambda: _content(request), _stamp(), request, name="glyphs", kind="few-shot"
        )


def class_names(split: str) -> dict[str, str]:
    """Return the characters of a split by class, such as `greek-03bb`, in sorted order."""
    names = {
        f"{script}-{ord(character):04x}": character
        for script, characters in SPLITS[split].items()
        for character in characters
    }
    return dict(sorted(names.items()))


def _stamp() -> dict[str, Any]:
    return {
        "version": _VERSION,
        "matplotlib": version("matplotlib"),
        "pillow": PIL.__version__,
        "freetype": features.version("freetype2"),
    }


def _content(request: DataRequest) -> DatasetContent:
    folder = fonts_folder()
    if folder is None:
        raise DataError("matplotlib, whose fonts glyphs are drawn from, is not there; install it")
    renderer = Renderer(folder)
    counts = {split: dict.fromkeys(class_names(split), INSTANCES) for split in SPLITS}
    layout = DatasetLayout((1, SIZE, SIZE), counts)
    images = counted(_images(renderer), layout.total, "drawing glyphs", request.report)
    return DatasetContent(layout, images)


def _images(renderer: Renderer) -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
    for split in SPLITS:
        row = 0
        for character in class_names(split).values():
            warps = [draw_warp(character, instance) for instance in range(INSTANCES)]
            for pixels in renderer.draw(character, warps):
                yield ImagePlace(split, row), pixels
                row += 1
