"""Damages what is sound: bytes, text and JSON, by a seed, so that each damage can be had again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

__all__ = ["damaged_bytes", "damaged_json", "damaged_text"]

# What parsers, file systems, terminals and templates have stumbled over before.
TOKENS = (
    "", "\x00", "\x1b[2J", "\n", "\r\n", "\t", '"', "'", '"""', "=", "[", "]", "[[", "]]", "{",
    "}", ",", ".", "#", "\\", "/", "..", "../../x", "/etc/passwd", "-1", "0", "1e400", "-0.0",
    "nan", "inf", "0x10", "1_0", "99999999999999999999", "1" * 5000, "true", "null", "None", "[x]",
    "x[y=z]", "%s", "{0.__class__}", "{{7*7}}", "$(id)", "`id`", "\ud7ff", "\u202e", "é", "𝔘",
    "\ufeff", "2026-11-21", "[" * 300, "a.b.c.d = 1\n",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, -1e-320, 2**63, 2**70, "", "x" * 4000, "\x00", "../..",
    "\u202e", [], {}, [[]], {"": {}}, {"schema": 99}, [None] * 50, "nan", "1", {"__class__": "x"},
    "emulated", "ok",
)  # fmt: skip


def damaged_bytes(random: Random, sound: bytes) -> bytes:
    """Flip, cut, double or overwrite some of the bytes."""
    found = bytearray(sound)
    for _ in range(random.choice((1, 1, 2, 5, 30))):
        place = random.randrange(len(found) + 1)
        match random.randrange(5):
            case 0 if place < len(found):
                found[place] ^= 1 << random.randrange(8)
            case 1:
                del found[place:]
            case 2:
                del found[place : place + random.randrange(1, 64)]
            case 3:
                found[place:place] = random.randbytes(random.randrange(1, 64))
            case _:
                found[place:place] = found[place : place + random.randrange(1, 600)]
    return bytes(found)


def damaged_text(random: Random, sound: str) -> bytes:
    """Put tokens into the text, take lines away or twice, or damage its bytes."""
    lines = sound.splitlines(keepends=True)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        number = random.randrange(len(lines)) if lines else 0
        match random.randrange(6):
            case 0:
                lines[number : number + 1] = []
            case 1:
                lines.insert(number, random.choice(lines or [""]))
            case 2 | 3:
                lines[number : number + 1] = [
                    _with_token(random, line) for line in lines[number:][:1]
                ]
            case 4:
                lines[number : number + 1] = [
                    _with_value(random, line) for line in lines[number:][:1]
                ]
            case _:
                return damaged_bytes(random, "".join(lines).encode(errors="replace"))
    return "".join(lines).encode(errors="surrogatepass")


def damaged_json(random: Random, sound: Any) -> bytes:
    """Replace, drop, rename or double values somewhere inside; or damage the text."""
    value = json.loads(json.dumps(sound))
    for _ in range(random.choice((1, 1, 2, 4))):
        places = list(_places(value))
        if not places:
            break
        random.choice(places)(random)
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.2:
        text = text.replace("1", random.choice(("NaN", "Infinity", "1e999", "-")), 3)
    if random.random() < 0.2:
        return damaged_text(random, text)
    return text.encode(errors="surrogatepass")


def _places(value: Any) -> Iterator[Callable[[Random], None]]:
    """Give for each place inside a value what damages it there."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield partial(_damage, value, key)
        if isinstance(inner, (dict, list)):
            yield from _places(inner)


def _damage(within: Any, key: Any, random: Random) -> None:
    match random.randrange(4):
        case 0 if isinstance(within, dict):
            within.pop(key, None)
        case 1 if isinstance(within, dict):
            within[random.choice(TOKENS)] = within.pop(key, None)
        case _:
            if isinstance(within, dict) or key < len(within):
                within[key] = random.choice(VALUES)


def _each(
    change: Callable[[Random, str], str], random: Random, lines: Sequence[str]
) -> Iterator[str]:
    """Change the first of the lines, if there is one."""
    return (change(random, line) for line in lines[:1])


def _with_token(random: Random, line: str) -> str:
    place = random.randrange(len(line) + 1)
    return line[:place] + random.choice(TOKENS) + line[place + random.randrange(3) :]


def _with_value(random: Random, line: str) -> str:
    """Replace what is right of the first equals sign."""
    key, equals, _ = line.partition("=")
    return f"{key}{equals} {random.choice(TOKENS)}\n"
