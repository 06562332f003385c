"""Digests of the sources of packages: they identify the code that a result was computed with.

A digest covers what Python runs. Comments, docstrings, line breaks and blanks are left out, so that
nobody pretrains again for a corrected typo, and so is the version of Python. Sources are read, not
imported.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tokenize
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.canonical import digest
from harness.errors import NotWrittenError
from harness.system.files import write_whole

__all__ = ["SUFFIXES", "SourceReader", "files_of", "statements"]

DIGITS = 16
CACHE_FILE = "sources-1.json"  # the number goes up when the same source gives another digest
MOST_KNOWN = 5000  # files

# Files that a package may compute with, unlike its tables, texts and pictures.
SUFFIXES = {".py", ".so", ".pyd", ".json", ".yaml", ".yml", ".npy", ".npz", ".safetensors"}
INSTALLED = {"site-packages", "dist-packages"}

# By the SHA-256 of a file: the SHA-256 of its statements, and the packages that it imports.
Known = dict[str, tuple[str, list[str]]]


class SourceReader:
    """Computes digests; each file is parsed once, and the result is kept in the cache."""

    def __init__(self, cache_root: Path | None = None) -> None:
        """Load the cache, if there is one.

        Args:
            cache_root: the folder of the cache; None: nothing is kept from run to run.
        """
        self._cache = None if cache_root is None else cache_root / CACHE_FILE
        self._known: Known = {}
        self._is_new = False
        if self._cache is not None:
            with suppress(OSError, ValidationError):
                self._known = TypeAdapter(Known).validate_json(self._cache.read_bytes())

    def package(self, module: str, distribution_name: str) -> str:
        """Return one digest of a module's package and of the packages of its own that it imports.

        Its own are other packages of its distribution, and packages that are not installed into the
        environment, such as modules beside it in a checkout.

        Args:
            module: its dotted name.
            distribution_name: of the distribution that it belongs to.
        """
        top = module.partition(".")[0]
        found: dict[str, Path] = {}
        seen, waiting = {"harness"}, [top]  # the host's own sources are looked at apart
        while waiting:
            name = waiting.pop()
            if name in seen or name in sys.stdlib_module_names:
                continue
            seen.add(name)
            if name == top or _is_own(name, distribution_name):
                files = files_of(name)
                found |= files
                waiting += [each for path in files.values() for each in self._look(path)[1]]
        return self.files(found)

    def files(self, files: Mapping[str, Path]) -> str:
        """Return the first digits of the SHA-256 of files; an empty string if there are none.

        Args:
            files: their paths, by names that do not depend on where they are installed.
        """
        said = {name: self._look(path)[0] for name, path in files.items()}
        return digest(said)[:DIGITS] if said else ""

    def keep(self) -> None:
        """Write the cache, if there is something new and it can be written."""
        if self._cache is None or not self._is_new:
            return
        newest = dict(list(self._known.items())[-MOST_KNOWN:])
        with suppress(OSError, NotWrittenError):  # then it is found out again the next time
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._cache, json.dumps(newest))
        self._is_new = False

    def _look(self, path: Path) -> tuple[str, list[str]]:
        """Return the SHA-256 of a file's statements, and the top-level packages it imports."""
        content = path.read_bytes()
        key = hashlib.sha256(content).hexdigest()
        if path.suffix != ".py":
            return key, []
        if key not in self._known:
            self._known[key] = _said(content)
            self._is_new = True
        return self._known[key]


def files_of(package: str, suffixes: Collection[str] = SUFFIXES) -> dict[str, Path]:
    """Return the files of a top-level package or module by their names; none if it is not there."""
    found: dict[str, Path] = {}
    origin, folders = _places(package)
    if origin is not None and not folders:
        found[package] = origin
    for folder in folders:
        for path in folder.rglob("*"):
            if path.suffix in suffixes and path.is_file():
                found.setdefault(f"{package}/{path.relative_to(folder).as_posix()}", path)
    return found


def _places(package: str) -> tuple[Path | None, list[Path]]:
    """Return the file of a top-level module, and the folders of a package."""
    spec = None
    with suppress(ImportError, ValueError):
        spec = find_spec(package)
    if spec is None:
        return None, []
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return Path(spec.origin) if spec.has_location and spec.origin else None, folders


def _is_own(package: str, distribution_name: str) -> bool:
    """Tell whether a package belongs to a distribution, or can be imported but is not installed."""
    origin, folders = _places(package)
    places = [*folders, *([origin] if origin else [])]
    if not any(INSTALLED & set(place.parts) for place in places):
        return bool(places)
    with suppress(PackageNotFoundError, ValueError):  # one without a name, or not installed
        files = distribution(distribution_name).files or []
        return any(file.parts[0] in (package, f"{package}.py") for file in files)
    return False


# What Python runs of a source


def _said(source: bytes) -> tuple[str, list[str]]:
    try:
        lines = list(statements(source))
    except (SyntaxError, tokenize.TokenError, UnicodeDecodeError):
        return hashlib.sha256(source).hexdigest(), []
    said = hashlib.sha256("\n".join(lines).encode(errors="surrogatepass")).hexdigest()
    return said, sorted({name for line in lines for name in _imports(line)})


def statements(source: bytes) -> Iterator[str]:
    """Yield the logical lines of a module as tokens with one blank between, and indents as signs.

    Comments are left out, and so are statements that consist of a string alone: docstrings.

    Raises:
        SyntaxError: the source is not Python, or cannot be decoded.
        TokenError: the source is incomplete.
    """
    line: list[tokenize.TokenInfo] = []
    text: list[str] = []
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type == tokenize.ENCODING:
            text = source.decode(token.string).splitlines(keepends=True)
        elif token.type == tokenize.NEWLINE:
            if any(each.type != tokenize.STRING for each in line):
                yield " ".join(_texts(line, text))
            line = []
        elif token.type in (tokenize.INDENT, tokenize.DEDENT):
            yield ">" if token.type == tokenize.INDENT else "<"
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER):
            line.append(token)


def _texts(line: list[tokenize.TokenInfo], text: list[str]) -> Iterator[str]:
    """Yield the texts of tokens; an f-string is one token, as in Python 3.11 but not in 3.12."""
    depth, start = 0, (0, 0)
    for token in line:
        kind = tokenize.tok_name[token.type]
        if kind in ("FSTRING_START", "TSTRING_START"):
            start = start if depth else token.start
            depth += 1
        elif kind in ("FSTRING_END", "TSTRING_END"):
            depth -= 1
            if not depth:
                yield _between(text, start, token.end)
        elif not depth:
            yield token.string


def _between(text: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Cut out of lines what is between two positions: a line from 1, and a column from 0."""
    lines = text[start[0] - 1 : end[0]]
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][start[1] :]
    return "".join(lines)


def _imports(line: str) -> Iterator[str]:
    words = line.split()
    if words[0] == "from" and words[1] not in (".", "..."):
        yield words[1]
    elif words[0] == "import":
        yield from (part.split()[0] for part in line[len("import ") :].split(" , "))
