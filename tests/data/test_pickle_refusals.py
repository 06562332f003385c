"""Whatever a pickle asks for beside arrays and plain values is refused, and does not happen."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data import safe_pickle
from harness.data.safe_pickle import read_pickle
from harness.errors import DataError

PROTOCOLS = range(6)


def read(content: bytes) -> Any:
    return read_pickle(io.BytesIO(content), "x.pkl")


def text(value: str) -> bytes:
    """Return the operation of protocol 4 that pushes a text."""
    return b"\x8c" + bytes([len(value)]) + value.encode()


class Call:
    """Pickles as a call of anything with any arguments."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ["touch {}"], f"{os.name}.system"),
        (eval, ["open('{}', 'w')"], "eval"),
        (exec, ["open('{}', 'w')"], "exec"),
        (__import__, ["this"], "__import__"),
        (getattr, ["", "join"], "getattr"),
        (open, ["{}", "w"], "open"),
        (subprocess.Popen, [["touch", "{}"]], "Popen"),
        (np.fromfile, ["{}"], "fromfile"),
        (np.memmap, ["{}"], "memmap"),
        (Path, ["{}"], "Path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_call_is_refused_by_name_and_not_made(
    tmp_path: Path, protocol: int, function: Callable[..., Any], arguments: list[Any], name: str
) -> None:
    """Whatever function a pickle calls, it is named and nothing happens, at any depth."""
    trace = tmp_path / "trace"
    given = [a.format(trace) if isinstance(a, str) else [str(trace), *a] for a in arguments]
    for value in (Call(function, *given), {"image_data": [Call(function, *given)]}):
        with pytest.raises(DataError, match=rf"'x\.pkl' is refused: it names '.*{name}'"):
            read(pickle.dumps(value, protocol))
    assert not trace.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.array([1, None], dtype=object), "array of type 'O8'"),
        (np.array([Call(os.system, "true")], dtype=object), "array of type 'O8'"),
        (np.array(["a"]), "array of type 'U1'"),
        (np.array([b"a"]), "array of type 'S1'"),
        (np.zeros(2, dtype="i4,f4"), "array of type 'V8'"),
        (np.zeros(2, dtype="M8[s]"), "array of type 'M8'"),
        (np.ma.array([1]), r"it names 'numpy\.ma\."),
        (np.dtype("u1"), "it holds a "),
        (np.ndarray, r"it holds 'numpy\.ndarray' itself"),
        ([np.dtype], r"it holds 'numpy\.dtype' itself"),
        (range(3), "range'"),
        (object(), "it names '.*object|it names 'copy_reg"),
        (Fraction(1, 2), r"it names 'fractions\.Fraction'"),
        (Path("x"), r"it names 'pathlib.*Path'"),
        ({(1, 2): 3}, "it has a key of type tuple"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_values_are_refused(protocol: int, value: Any, reason: str) -> None:
    """Arrays of objects, text, times or records, classes and other objects are named."""
    with pytest.raises(DataError, match=f"is refused: .*{reason}"):
        read(pickle.dumps(value, protocol))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (b"cos\nsystem\n.", r"it names 'os\.system'"),
        (b"\x80\x04" + text("os") + text("system") + b"\x93.", r"it names 'os\.system'"),
        (text("numpy") + text("dtype.__class__") + b"\x93.", r"'numpy\.dtype\.__class__'"),
        (b"cnumpy.core.multiarray\nscalar.__globals__\n.", r"scalar\.__globals__'"),
        (b"cbuiltins\ngetattr\n(cnumpy\ndtype\nS'type'\ntR.", r"it names 'builtins\.getattr'"),
        (b"(S'true'\nios\nsystem\n.", r"it names 'os\.system'"),
        (b"(S'true'\ni__builtin__\nset\n.", r"operation INST"),
        (b"(cbuiltins\nset\no.", r"operation OBJ"),
        (b"cbuiltins\nset\n)\x81.", r"operation NEWOBJ\)"),
        (b"cbuiltins\nset\n)}\x92.", r"operation NEWOBJ_EX"),
        (b"\x82\x01.", r"operation EXT1"),
        (b"Pid\n.", r"operation PERSID"),
        (b"NQ.", r"operation BINPERSID"),
        (b"\x97.", r"operation NEXT_BUFFER"),
        (b"S'join'\n(tR.", "it calls a str"),
        (b"}(tR.", "it calls a dict"),
        (b"cbuiltins\nset\n}S'build'\nNsb.", "it sets the state of a Builder"),
        (b"}}S'__class__'\nNsb.", "it sets the state of a dict"),
        (b"]}b.", "it sets the state of a list"),
        (b"cnumpy\nndarray\n((I3\nttR.", "it makes an array without content"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "it encodes bytes as 'rot13'"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\nset\n)tR.", "of another class than"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n)tR.", "it holds a Unfinished"),
    ],
)
def test_hand_written_programs_are_refused(program: bytes, reason: str) -> None:
    """Every way of the protocols to name, make or change an object is closed."""
    with pytest.raises(DataError, match=f"is refused: .*{reason}"):
        read(program)


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is too large is not read, and neither are too many operations."""
    content = pickle.dumps(list(range(100)))
    with pytest.raises(DataError, match="it is larger than 100 bytes"):
        read_pickle(io.BytesIO(content), "x.pkl", max_bytes=100)
    monkeypatch.setattr(safe_pickle, "MAX_OPERATIONS", 50)
    with pytest.raises(DataError, match="it has more than 50 operations"):
        read(content)


@pytest.mark.parametrize(
    "claim",
    [
        b"\x8e" + struct.pack("<Q", 2**62),
        b"\x96" + struct.pack("<Q", 2**40),
        b"B" + struct.pack("<I", 2**32 - 1),
        b"T" + struct.pack("<i", -1),
        b"\x8b" + struct.pack("<i", 2**31 - 1),
    ],
)
def test_claimed_sizes_take_no_memory(claim: bytes) -> None:
    """A count that goes beyond the file is an error before anything is read."""
    with pytest.raises(DataError, match="truncated or corrupt \\(the end is missing\\)"):
        read(claim + b"x.")


def test_memory_is_no_bomb() -> None:
    """What is read once cannot be copied, nor hashed, again and again; any number can be a key."""
    assert read(b"Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.") is None
    copying = b"c_codecs\nencode\nX" + struct.pack("<I", 10**5) + b"x" * 10**5 + b"q\x010q\x02"
    again = b"h\x02(h\x01U\x06latin1tR"
    with pytest.raises(DataError, match="it would grow far beyond its size"):
        read(copying + again * 1000 + b".")
    doubling = b")" + b"2\x86" * 100  # a tuple of twice the one before, a hundred times
    with pytest.raises(DataError, match="it has a key of type tuple"):
        read(b"}" + doubling + b"Ns.")
    assert read(doubling + b".")
    with pytest.raises(DataError, match="a number is too long"):
        read(b"I" + b"9" * 10**6 + b"\n.")
