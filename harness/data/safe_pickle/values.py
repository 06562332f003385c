"""The values that a pickle may ask to be built by name, and how each is built here.

The names are those under which Python 2 and 3 and numpy before and after 2.0 write numeric arrays,
bytes and plain containers. Each stands for a function of this module, never for what the name means
elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BUILDERS",
    "NUMERIC_KINDS",
    "Builder",
    "RefusedPickleError",
    "Unfinished",
    "checked_key",
    "dotted",
]

NUMERIC_KINDS = "biufc"  # of numpy's types: booleans, integers, floating point and complex numbers

_TYPE_CODE = re.compile(rf"[{NUMERIC_KINDS}]\d{{1,2}}")  # such as `u1`
_BYTE_ORDERS = ("|", "<", ">", "=")
_KEYS = (str, bytes, int, float, complex, type(None), np.generic)


class RefusedPickleError(Exception):
    """Something in a pickle is neither a numeric array nor a plain value."""


@dataclass(frozen=True)
class Builder:
    """What a name in a pickle stands for."""

    name: str  # as in the pickle: module, space, name
    build: Callable[..., Any]


@dataclass
class Unfinished:
    """A value that the pickle names first and completes later, with the operation BUILD."""

    finish: Callable[[Any], Any]  # takes what BUILD gives, returns the value
    memo_keys: list[int] = field(default_factory=list)  # where the machine remembered it


def checked_key(key: Any) -> Any:
    """Return a dictionary's key or a set's element, if it is text, bytes, a number or None.

    A tuple can hold itself many times over, and then takes for ever to hash.

    Raises:
        RefusedPickleError: it is something else.
    """
    if not isinstance(key, _KEYS):
        raise RefusedPickleError(f"it has a key of type {type(key).__name__}")
    return key


def dotted(name: str) -> str:
    """Spell a builder's name as people do, in quotation marks."""
    return f"'{name.replace(' ', '.')}'"


# Plain values


def _encode(text: str, encoding: str) -> bytes:
    """Python 3 writes bytes as text in the protocols that Python 2 reads."""
    if encoding not in ("latin1", "latin-1"):
        raise RefusedPickleError(f"it encodes bytes as {encoding!r}")
    return text.encode("latin-1")


def _bytes() -> bytes:
    return b""


def _bytearray(content: bytes = b"") -> bytearray:
    return bytearray(_checked_type(content, bytes))


def _set(items: list[Any] | None = None) -> set[Any]:
    return {checked_key(item) for item in _checked_type(items or [], list)}


def _frozenset(items: list[Any] | None = None) -> frozenset[Any]:
    return frozenset(_set(items))


def _dictionary(items: list[Any] | None = None) -> dict[Any, Any]:
    pairs = _checked_type(items or [], list)
    return {checked_key(key): value for key, value in pairs}


def _complex(real: float, imaginary: float) -> complex:
    return complex(_checked_type(real, float), _checked_type(imaginary, float))


# Arrays


def _type(code: str, *_: object) -> Unfinished:
    """Begin a numpy type such as `f4`; BUILD then gives its byte order.

    Written by `numpy.dtype.__reduce__`: the state is (version, byte order, None, None, None, ...).
    """
    if not (isinstance(code, str) and _TYPE_CODE.fullmatch(code)):
        raise RefusedPickleError(f"it has an array of type {code!r}")

    def finish(state: Any) -> np.dtype[Any]:
        order = state[1]
        if order not in _BYTE_ORDERS or any(part is not None for part in state[2:5]):
            raise RefusedPickleError(f"it has an array of type {code!r} with parts")
        dtype: np.dtype[Any] = np.dtype(order + code)
        return dtype

    return Unfinished(finish)


def _reconstructed(kind: Builder, *_: object) -> Unfinished:
    """Begin an array, as protocols 0 to 4 do; BUILD then gives all of it.

    Written by `numpy.ndarray.__reduce__`: the state is (1, shape, type, Fortran order, raw bytes).
    """
    if not (isinstance(kind, Builder) and kind.name == "numpy ndarray"):
        raise RefusedPickleError("it has an array of another class than numpy.ndarray")

    def finish(state: Any) -> NDArray[Any]:
        _, shape, dtype, fortran, raw = state
        if isinstance(raw, str):  # what Python 2 wrote
            raw = raw.encode("latin-1")
        return _array(raw, dtype, shape, "F" if fortran else "C")

    return Unfinished(finish)


def _ndarray(*_: object) -> None:
    raise RefusedPickleError("it makes an array without content")


def _array(raw: bytes | bytearray, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """Return the array whose bytes are `raw`; they are not copied."""
    # Never the memory of another array: that one could go away.
    _checked_type(raw, bytes, bytearray)
    _checked_type(dtype, np.dtype)
    _checked_type(shape, tuple)
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"an array cannot have the shape {shape}")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError(f"an array of shape {shape} has {len(raw):,} bytes")
    return np.ndarray(shape, dtype, buffer=raw, order="F" if order == "F" else "C")


def _scalar(dtype: Any, raw: bytes | str) -> Any:
    content = raw.encode("latin-1") if isinstance(raw, str) else raw
    return _array(content, dtype, (), "C")[()]


def _checked_type(value: Any, *types: type) -> Any:
    if not isinstance(value, types):
        raise RefusedPickleError(
            f"it has a {type(value).__name__} where {types[0].__name__} is expected"
        )
    return value


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_codecs encode": _encode,
    "collections OrderedDict": _dictionary,
    "numpy dtype": _type,
    "numpy ndarray": _ndarray,
}
for _module in ("builtins", "__builtin__"):  # Python 3 and 2
    _FUNCTIONS |= {
        f"{_module} bytearray": _bytearray,
        f"{_module} bytes": _bytes,
        f"{_module} complex": _complex,
        f"{_module} frozenset": _frozenset,
        f"{_module} set": _set,
    }
for _module in ("numpy._core", "numpy.core"):  # numpy 2 and 1
    _FUNCTIONS |= {
        f"{_module}.multiarray _reconstruct": _reconstructed,
        f"{_module}.multiarray scalar": _scalar,
        f"{_module}.numeric _frombuffer": _array,
    }

BUILDERS = {name: Builder(name, function) for name, function in _FUNCTIONS.items()}
