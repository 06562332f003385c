"""The operations of pickle protocols 0 to 5, by the byte that stands for each.

Those that make objects of other classes, or ask their reader for objects, are known as well, so
that a refusal can say what was asked for.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any, NoReturn

from harness.data.safe_pickle.machine import PickleMachine
from harness.data.safe_pickle.values import RefusedPickleError, checked_key

__all__ = ["OPERATIONS", "Operation"]

Operation = Callable[[PickleMachine], None]

_MAX_DIGITS = 1_000  # of a number in text: very many take very long to read


# What follows the byte of an operation


def _number(form: str) -> Callable[[PickleMachine], Any]:
    """Return what reads a number of this form, such as `<I`, see `struct`."""
    size = struct.calcsize(form)
    return lambda machine: struct.unpack(form, machine.stream.read(size))[0]


def _counted(form: str) -> Callable[[PickleMachine], bytes]:
    """Return what reads a count of this form, and then as many bytes."""
    count = _number(form)
    return lambda machine: machine.stream.read(count(machine))


def _line(machine: PickleMachine) -> bytes:
    return machine.stream.line()


def _key_line(machine: PickleMachine) -> int:
    return _decimal(machine.stream.line())


def _names(machine: PickleMachine) -> tuple[str, str]:
    return machine.stream.line().decode(), machine.stream.line().decode()


# How it is understood


def _same(value: Any) -> Any:
    return value


def _long(content: bytes) -> int:
    return int.from_bytes(content, "little", signed=True)


def _decimal(line: bytes) -> int:
    if len(line) > _MAX_DIGITS:
        raise ValueError("a number is too long")
    return int(line.removesuffix(b"L"))


def _decimal_or_boolean(line: bytes) -> int:
    return line == b"01" if line in (b"00", b"01") else _decimal(line)


def _latin(content: bytes) -> str:
    return content.decode("latin-1")


def _utf8(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _escaped(line: bytes) -> str:
    return line.decode("raw-unicode-escape")


def _quoted(line: bytes) -> str:
    line = line.strip()
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise ValueError("a text has no quotation marks")
    return _latin(codecs.escape_decode(line[1:-1])[0])


# Kinds of operations


def _push(
    read: Callable[[PickleMachine], Any], understand: Callable[[Any], Any] = _same
) -> Operation:
    return lambda machine: machine.stack.append(understand(read(machine)))


def _make(value: Callable[[], Any]) -> Operation:
    return lambda machine: machine.stack.append(value())


def _gather(make: Callable[[list[Any]], Any]) -> Operation:
    """Make one value of those above the last mark."""
    return lambda machine: machine.stack.append(make(machine.pop_marked()))


def _tuple(count: int) -> Operation:
    return lambda machine: machine.stack.append(tuple(machine.pop_last(count)))


def _frozen(items: list[Any]) -> frozenset[Any]:
    return frozenset(map(checked_key, items))


def _dictionary(machine: PickleMachine) -> None:
    items = machine.pop_marked()
    machine.stack.append({})
    machine.set_items(items)


def _named_object(machine: PickleMachine) -> NoReturn:
    """INST alone has the name of the class with it."""
    machine.name(*_names(machine))
    raise RefusedPickleError("it makes an object of another class (operation INST)")


def _ignore(_: object) -> None:
    pass


def _protocol(machine: PickleMachine) -> None:
    version = machine.stream.read(1)[0]
    if version > 5:
        raise ValueError(f"protocol {version} is not known")


def _refuse(operation: str) -> Operation:
    def refuse(_: PickleMachine) -> NoReturn:
        raise RefusedPickleError(f"it makes an object of another class (operation {operation})")

    return refuse


OPERATIONS: dict[bytes, Operation] = {
    # The protocol, and frames, which only tell how much to read ahead.
    b"\x80": _protocol,
    b"\x95": lambda machine: _ignore(machine.stream.read(8)),
    # Constants
    b"N": _make(lambda: None),
    b"\x88": _make(lambda: True),
    b"\x89": _make(lambda: False),
    # Numbers
    b"I": _push(_line, _decimal_or_boolean),
    b"L": _push(_line, _decimal),
    b"F": _push(_line, float),
    b"J": _push(_number("<i")),
    b"K": _push(_number("<B")),
    b"M": _push(_number("<H")),
    b"G": _push(_number(">d")),
    b"\x8a": _push(_counted("<B"), _long),
    b"\x8b": _push(_counted("<i"), _long),
    # Text and bytes; the first three are what Python 2 called strings
    b"S": _push(_line, _quoted),
    b"T": _push(_counted("<i"), _latin),
    b"U": _push(_counted("<B"), _latin),
    b"V": _push(_line, _escaped),
    b"X": _push(_counted("<I"), _utf8),
    b"\x8c": _push(_counted("<B"), _utf8),
    b"\x8d": _push(_counted("<Q"), _utf8),
    b"C": _push(_counted("<B")),
    b"B": _push(_counted("<I")),
    b"\x8e": _push(_counted("<Q")),
    b"\x96": _push(_counted("<Q"), bytearray),
    # Containers
    b"(": PickleMachine.mark,
    b"]": _make(list),
    b"l": _gather(list),
    b"a": lambda machine: machine.append(machine.pop_last(1)),
    b"e": lambda machine: machine.append(machine.pop_marked()),
    b")": _make(tuple),
    b"t": _gather(tuple),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"}": _make(dict),
    b"d": _dictionary,
    b"s": lambda machine: machine.set_items(machine.pop_last(2)),
    b"u": lambda machine: machine.set_items(machine.pop_marked()),
    b"\x8f": _make(set),
    b"\x90": lambda machine: machine.add(machine.pop_marked()),
    b"\x91": _gather(_frozen),
    # The stack and the memory
    b"0": lambda machine: _ignore(machine.pop_last(1)),
    b"1": lambda machine: _ignore(machine.pop_marked()),
    b"2": lambda machine: machine.stack.append(machine.stack[-1]),
    b"p": lambda machine: machine.remember(_key_line(machine)),
    b"q": lambda machine: machine.remember(_number("<B")(machine)),
    b"r": lambda machine: machine.remember(_number("<I")(machine)),
    b"\x94": PickleMachine.remember_next,
    b"g": lambda machine: machine.recall(_key_line(machine)),
    b"h": lambda machine: machine.recall(_number("<B")(machine)),
    b"j": lambda machine: machine.recall(_number("<I")(machine)),
    # Names
    b"c": lambda machine: machine.name(*_names(machine)),
    b"\x93": lambda machine: machine.name(*machine.pop_last(2)),
    b"R": PickleMachine.reduce,
    b"b": PickleMachine.build,
    # Objects of other classes
    b"i": _named_object,
    b"o": _refuse("OBJ"),
    b"\x81": _refuse("NEWOBJ"),
    b"\x92": _refuse("NEWOBJ_EX"),
    b"\x82": _refuse("EXT1"),
    b"\x83": _refuse("EXT2"),
    b"\x84": _refuse("EXT4"),
    b"P": _refuse("PERSID"),
    b"Q": _refuse("BINPERSID"),
    b"\x97": _refuse("NEXT_BUFFER"),
    b"\x98": _refuse("READONLY_BUFFER"),
}
