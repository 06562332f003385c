"""The state of a pickle's program while it is read: a stack, marks in it, and a memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from harness.data.safe_pickle.values import (
    BUILDERS,
    Builder,
    RefusedPickleError,
    Unfinished,
    checked_key,
    dotted,
)

__all__ = ["PickleMachine", "Stream"]

_GROWTH = 4  # honest values are copied at most twice on the way from text to bytes to an array


class Stream:
    """The bytes of a program; never more are requested than there are."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        """Take the file from its beginning.

        Raises:
            RefusedPickleError: it is larger than `max_bytes`.
        """
        self._file = file
        self.size = file.seek(0, 2)
        if self.size > max_bytes:
            raise RefusedPickleError(f"it is larger than {max_bytes:,} bytes")
        self._left = self.size
        file.seek(0)

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes.

        Raises:
            ValueError: there are fewer.
        """
        if not 0 <= count <= self._left:
            raise ValueError("the end is missing")
        self._left -= count
        return self._file.read(count)

    def line(self) -> bytes:
        """Return the bytes up to the end of the line, without it.

        Raises:
            ValueError: the line has no end.
        """
        content = self._file.readline()
        self._left -= len(content)
        if not content.endswith(b"\n"):
            raise ValueError("the end is missing")
        return content[:-1]


class PickleMachine:
    """What the operations of a program change.

    Methods raise RefusedPickleError for what is not accepted, and ValueError, IndexError or
    KeyError where the program makes no sense.
    """

    def __init__(self, stream: Stream) -> None:
        """Start with nothing on the stack."""
        self.stream = stream
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._built_bytes = 0

    # Containers

    def mark(self) -> None:
        """Remember how high the stack is."""
        self._marks.append(len(self.stack))

    def pop_marked(self) -> list[Any]:
        """Take what lies above the last mark."""
        start = self._marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def pop_last(self, count: int) -> list[Any]:
        """Take the last `count` values, in the order in which they came."""
        if count > len(self.stack):
            raise ValueError("the stack is empty")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def append(self, items: Sequence[Any]) -> None:
        """Add `items` to the list on the stack."""
        self._last(list).extend(items)

    def set_items(self, items: Sequence[Any]) -> None:
        """Add keys and values, which take turns, to the dictionary on the stack."""
        target = self._last(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def add(self, items: Sequence[Any]) -> None:
        """Add `items` to the set on the stack."""
        self._last(set).update(map(checked_key, items))

    def _last(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"a {type(self.stack[-1]).__name__} is not a {kind.__name__}")
        return self.stack[-1]

    # Memory

    def remember(self, key: int) -> None:
        """Remember the value on the stack under a number."""
        value = self.stack[-1]
        self._memo[key] = value
        if isinstance(value, Unfinished):
            value.memo_keys.append(key)

    def remember_next(self) -> None:
        """Remember the value on the stack under the next number."""
        self.remember(len(self._memo))

    def recall(self, key: int) -> None:
        """Push what is remembered under a number."""
        self.stack.append(self._memo[key])

    # Names

    def name(self, module: str, name: str) -> None:
        """Push what builds the values that `module.name` stands for."""
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError("a name is not text")
        full = f"{module} {name}"
        if full not in BUILDERS:
            raise RefusedPickleError(f"it names {dotted(full)}")
        self.stack.append(BUILDERS[full])

    def reduce(self) -> None:
        """Build a value from the builder and the arguments on the stack."""
        builder, arguments = self.pop_last(2)
        if not isinstance(builder, Builder):
            raise RefusedPickleError(f"it calls a {type(builder).__name__}")
        if type(arguments) is not tuple:
            raise ValueError("the arguments of a call are not a tuple")
        self._push_built(builder.build(*arguments))

    def build(self) -> None:
        """Finish a value with the state on the stack, everywhere where it is remembered."""
        unfinished, state = self.pop_last(2)
        if not isinstance(unfinished, Unfinished):
            raise RefusedPickleError(f"it sets the state of a {type(unfinished).__name__}")
        value = unfinished.finish(state)
        for key in unfinished.memo_keys:
            self._memo[key] = value
        self._push_built(value)

    def _push_built(self, value: Any) -> None:
        """Push a value, unless it is made from the same few bytes again and again."""
        if isinstance(value, np.ndarray):
            self._built_bytes += value.nbytes
        elif isinstance(value, bytes | bytearray | set | frozenset | dict):
            self._built_bytes += len(value)
        if self._built_bytes > _GROWTH * self.stream.size:
            raise RefusedPickleError("it would grow far beyond its size")
        self.stack.append(value)
