"""Which code a trial runs: versions, and a digest of the sources, which versions may not tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from harness import __version__
from harness.executors.dask.errors import RefusedError
from harness.plugins.loading import Plugins
from harness.plugins.registry import Entry, Kind

__all__ = ["check_code", "code_of"]

SUFFIXES = {".py", ".toml"}  # a device's profile travels with its trial, what reads it does not


def code_of(plugins: Plugins, method: str, dataset: str) -> dict[str, str]:
    """Return the versions of the harness and of both plugins, as `VERSION (DIGEST)`.

    Raises:
        HarnessError: no plugin has such a name.
    """
    code = {"harness": f"{__version__} ({_digest('harness')})"}
    names: list[tuple[Kind, str]] = [("method", method), ("dataset", dataset)]
    for kind, name in names:
        entry = plugins.registry.get(kind, name)
        code[str(entry)] = _version(entry)
    return code


def check_code(planned: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Compare the code that a trial was planned with and the code that is here.

    Raises:
        RefusedError: they differ; the message names the first difference.
    """
    for what, version in planned.items():
        if here.get(what) != version:
            raise RefusedError(
                f"{what} is {here.get(what, 'not there')} here, but the run was planned with "
                f"{version}; install the same code on both"
            )


def _version(entry: Entry) -> str:
    package = entry.target.partition(":")[0].partition(".")[0]
    return f"{entry.distribution} {entry.version} ({_digest(package)})"


def _digest(package: str) -> str:
    """Return twelve digits of the SHA-256 of a top-level package's sources, paths included."""
    total = hashlib.sha256()
    for name, path in sorted(_sources(package)):
        total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


def _sources(package: str) -> Iterable[tuple[str, Path]]:
    spec = find_spec(package)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin is not None:
            yield package, Path(spec.origin)
        return
    for folder in map(Path, spec.submodule_search_locations):
        for path in folder.rglob("*"):
            if path.suffix in SUFFIXES and path.is_file():
                yield path.relative_to(folder).as_posix(), path
