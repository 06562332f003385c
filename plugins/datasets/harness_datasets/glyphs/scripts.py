"""Which characters are classes of `glyphs`, and which split each script belongs to.

Scripts that share letters (Latin, Greek and Cyrillic) are in the same split, so that no class of
the test split has been seen in training under another name. Within a split no two characters look
alike: drawn upright, at the same size and slightly blurred, their images have a cosine similarity
below 0.9. So `O`, `o` and `0` are not all here, nor are letters that differ by an accent only.

Scripts written from right to left are spelled in escapes, since editors turn their letters about.
"""

from __future__ import annotations

__all__ = ["SPLITS"]

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
