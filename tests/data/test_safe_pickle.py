"""Pickles of arrays and plain values are read as Python reads them, and damage is noticed."""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from harness.data.safe_pickle import read_pickle
from harness.errors import DataError

PROTOCOLS = range(6)

SHARED = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
VALUES: list[Any] = [
    *(None, True, False, 0, 255, 70_000, -5, -(2**31), 2**70, -(2**3000), 1.5, -math.inf, 1 + 2j),
    *("", "Grüße", "a\nb\\'\"", "\ud800", "x" * 70_000, b"", b"\x00\xff\n", b"y" * 300),
    *(bytearray(b"ab"), [], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), list(range(2_500))),
    *({}, {"a": {1: [b"c", None]}}, set(), {1, "two"}, frozenset({3}), OrderedDict(b=1, a=2)),
]
ARRAYS = [
    SHARED,
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(5, dtype=">i4"),
    np.array([True, False]),
    np.array(1.5, dtype=np.float16),
    np.empty((0, 3), dtype=np.complex128),
    np.arange(10)[::2],
]

# A dictionary with a uint8 array of 4 bytes, as Python 2 and numpy of its time wrote it.
PYTHON_2 = {
    0: b"(dp1\nS'image_data'\np2\ncnumpy.core.multiarray\n_reconstruct\np3\n(cnumpy\nndarray\np4\n"
    b"(I0\ntp5\nS'b'\np6\ntp7\nRp8\n(I1\n(I2\nI2\ntp9\ncnumpy\ndtype\np10\n(S'u1'\np11\nI0\nI1\n"
    b"tp12\nRp13\n(I3\nS'|'\np14\nNNNI-1\nI-1\nI0\ntp15\nbI00\nS'\\x00\\'\\x80\\xff'\np16\n"
    b"tp17\nbsS'class_dict'\np18\n(dp19\nS'n01'\np20\n(lp21\nI0\naI1\naL2L\nass.",
    1: b"}q\x01(U\nimage_dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03(cnumpy\nndarray\n"
    b"q\x04(K\x00tU\x01btR(K\x01(K\x02K\x02tcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNN"
    b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbI00\nT\x04\x00\x00\x00\x00'\x80\xfftb"
    b"U\nclass_dict}U\x03n01](K\x00K\x01K\x02esu.",
    2: b"\x80\x02}q\x01(U\nimage_dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\n"
    b"ndarray\nq\x04K\x00\x85U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02K\x02\x86cnumpy\ndtype\nU\x02u1"
    b"K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\x00'\x80\xff"
    b"tbU\nclass_dict}U\x03n01](K\x00K\x01\x8a\x01\x02esu.",
}


def read(content: bytes) -> Any:
    return read_pickle(io.BytesIO(content), "x.pkl")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}")
def test_plain_values_come_back(protocol: int, value: Any) -> None:
    """Text, bytes, numbers and containers are read in every protocol, with their types."""
    result = read(pickle.dumps(value, protocol))
    assert result == value
    assert type(result) is (dict if isinstance(value, OrderedDict) else type(value))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_back(protocol: int, array: np.ndarray[Any, Any]) -> None:
    """Arrays of numbers are read in every protocol, with type, byte order and shape."""
    result = read(pickle.dumps([array, array], protocol))
    np.testing.assert_array_equal(result[0], array, strict=True)
    assert result[1] is result[0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numbers_of_numpy_come_back(protocol: int) -> None:
    """A number of one of numpy's types is read as such."""
    result = read(pickle.dumps({"n": [np.int64(7), np.float32(2.5)]}, protocol))
    assert result == {"n": [7, 2.5]}
    assert [type(number) for number in result["n"]] == [np.int64, np.float32]


@pytest.mark.parametrize("protocol", PYTHON_2)
def test_pickles_of_python_2_are_read(protocol: int) -> None:
    """Python 2's strings are read as Latin-1 text, and arrays from such strings."""
    result = read(PYTHON_2[protocol])
    assert result["image_data"].tolist() == [[0, 39], [128, 255]]
    assert result["class_dict"] == {"n01": [0, 1, 2]}
    assert read(b"S'\\xe9'\n.") == read(b"U\x01\xe9.") == "é"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_value_that_holds_itself_is_read(protocol: int) -> None:
    """A list within itself is no endless loop."""
    value: list[Any] = []
    value.append(value)
    result = read(pickle.dumps(value, protocol))
    assert result[0] is result


def array_program(shape: bytes, raw: bytes, code: bytes = b"u1") -> bytes:
    """Return a program that makes an array of this shape and these bytes."""
    dtype = b"cnumpy\ndtype\n(U\x02" + code + b"tR(I3\nU\x01|NNNtb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n)U\x01btR"
    return empty + b"(I1\n" + shape + dtype + b"I00\n" + raw + b"tb."


def test_arrays_own_the_bytes_that_they_show() -> None:
    """A shape that does not fit the bytes, or is none, never becomes an array."""
    raw = b"C\x04abcd"
    assert read(array_program(b"(I2\nI2\nt", raw)).tolist() == [[97, 98], [99, 100]]
    for shape in (b"(I5\nt", b"(I-2\nI-2\nt", b"(L99999999999999999999L\nt", b"(F4.0\nt", b"I4\n"):
        with pytest.raises(DataError):
            read(array_program(shape, raw))
    with pytest.raises(DataError, match="where bytes is expected"):
        read(array_program(b"(I4\nt", b"](K\x01K\x02K\x03K\x04e"))


def test_array_is_no_memory_for_another_array() -> None:
    """Only bytes from the file are looked at as an array, so that no memory is used twice."""
    array = array_program(b"(I4\nt", b"C\x04abcd").removesuffix(b".")
    dtype = b"cnumpy\ndtype\n(U\x02u1tR(I3\nU\x01|NNNtb"
    program = b"cnumpy._core.numeric\n_frombuffer\n(" + array + dtype + b"(I4\ntU\x01CtR."
    with pytest.raises(DataError, match="it has a ndarray where bytes is expected"):
        read(program)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_damage_raises_anything_else(protocol: int) -> None:
    """Cut anywhere, or with any bytes overwritten, a pickle is read or refused in one sentence."""
    content = pickle.dumps({"image_data": SHARED, "class_dict": {"a": [0], "b": (1.5,)}}, protocol)
    for end in range(len(content)):
        with pytest.raises(DataError, match=r"'x\.pkl' is "):
            read(content[:end])
    random = np.random.default_rng(protocol)
    for _ in range(300):
        damaged = bytearray(content)
        for place in random.integers(len(content), size=2):
            damaged[place] = random.integers(256)
        with suppress(DataError):
            read(bytes(damaged))
