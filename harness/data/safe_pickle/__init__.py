"""Reads pickles of numeric arrays and plain values, without running any code that a pickle names.

A pickle is a program for a stack machine. Python's own machine imports and calls whatever the
program names, so a pickle from a stranger can do anything. This is another machine for the same
operations, which `pickletools` in the standard library describes. It has the `operations` of
protocols 0 to 5 that make plain values, and a closed list of names, whose values it builds itself
(`values`); nothing is ever imported or called by name. Everything else is refused.

Memory is bounded by the file's size, by the number of operations, and by what is built from values
that were read before, since a program can reuse these again and again.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from harness.data.safe_pickle.machine import PickleMachine, Stream
from harness.data.safe_pickle.operations import OPERATIONS
from harness.data.safe_pickle.values import NUMERIC_KINDS, Builder, RefusedPickleError, dotted
from harness.errors import DataError

__all__ = ["MAX_BYTES", "MAX_OPERATIONS", "read_pickle"]

MAX_BYTES = 2 * 2**30
MAX_OPERATIONS = 2_000_000  # each takes up to about 200 bytes of memory

_STOP = b"."
_CONTAINERS = (list, tuple, dict, set, frozenset)
_PLAIN = (str, bytes, bytearray, bool, int, float, complex, type(None))


def read_pickle(file: BinaryIO, where: object, max_bytes: int = MAX_BYTES) -> Any:
    """Return the value that a pickle of protocol 0 to 5 holds.

    What Python 2 wrote as bytes is read as Latin-1 text. An array may be a read-only view of the
    bytes that were read.

    Args:
        file: seekable; it is read from its beginning.
        where: the file's name, for messages.
        max_bytes: a larger file is not read.

    Raises:
        DataError: the file is too large, damaged, or holds anything but arrays of numbers, lists,
            tuples, dictionaries, sets, text, bytes, numbers and None.
    """
    try:
        return _run(PickleMachine(Stream(file, max_bytes)))
    except RefusedPickleError as refusal:
        raise DataError(
            f"pickle '{where}' is refused: {refusal}; only arrays of numbers and plain values are"
            " read, since anything else could run code"
        ) from None
    except Exception as error:  # a broken program can be wrong in any way
        reason = str(error) or type(error).__name__
        raise DataError(f"pickle '{where}' is truncated or corrupt ({reason})") from error


def _run(machine: PickleMachine) -> Any:
    for _ in range(MAX_OPERATIONS):
        code = machine.stream.read(1)
        if code == _STOP:
            return _checked(machine.stack.pop())
        if code not in OPERATIONS:
            raise ValueError(f"unknown operation {code!r}")
        OPERATIONS[code](machine)
    raise RefusedPickleError(f"it has more than {MAX_OPERATIONS:,} operations")


def _checked(value: Any) -> Any:
    """Return `value` if all that it holds, however deep, is a plain value or a numeric array."""
    seen: set[int] = set()  # a container can hold itself, or one other many times
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if type(part) not in _CONTAINERS:
            _check_plain(part)
        elif id(part) not in seen:
            seen.add(id(part))
            waiting.extend(part)
            waiting.extend(part.values() if isinstance(part, dict) else ())
    return value


def _check_plain(value: Any) -> None:
    if isinstance(value, Builder):
        raise RefusedPickleError(f"it holds {dotted(value.name)} itself")
    if isinstance(value, np.ndarray | np.generic):
        plain = value.dtype.kind in NUMERIC_KINDS
    else:
        plain = type(value) in _PLAIN
    if not plain:
        raise RefusedPickleError(f"it holds a {type(value).__name__}")
