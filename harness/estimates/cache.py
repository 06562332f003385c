"""Estimates on disk: what was estimated once is not traced again.

An estimate is kept under a key that has all it depends on: the search, the cost model that a method
may ask, torch, and the sources of the harness and of every method, space and score, so that a
changed line makes another key. A file appears under its name only when it is whole; one that is
damaged is made anew.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.canonical import digest
from harness.cost_model.profile import Kernel, KernelClass
from harness.errors import HarnessError
from harness.experiment.trial import SpaceIdentity
from harness.plugins.loading import Plugins
from harness.plugins.registry import Kind
from harness.runtime.sources import files_of
from harness.system.files import made_folder, write_whole
from harness.tracing.search import Search

__all__ = ["EstimateCache", "EstimatedCosts"]

FOLDER = "estimates"  # in the cache


class EstimatedCosts(BaseModel):
    """What was estimated of a search, as a file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    form: Literal[1] = 1
    peak_bytes: int
    lowest_bytes: int
    storage_bytes: int
    kernels: list[tuple[KernelClass, int, int, bool, int]]  # the last: how often it is launched

    @classmethod
    def of(
        cls, peak: int, lowest: int, storage: int, kernels: Mapping[Kernel, int]
    ) -> EstimatedCosts:
        """Take over bytes and kernels."""
        launched = [(*kernel, count) for kernel, count in kernels.items()]
        return cls(peak_bytes=peak, lowest_bytes=lowest, storage_bytes=storage, kernels=launched)

    def launches(self) -> dict[Kernel, int]:
        """Return how often each kernel is launched, in the order in which they were found."""
        return {
            Kernel(kind, flops, moved, by_engine): count
            for kind, flops, moved, by_engine, count in self.kernels
        }


@dataclass
class EstimateCache:
    """Keeps estimates in a folder of the cache.

    Attributes:
        report: is told, once, if the folder cannot be written to.
    """

    plugins: Plugins
    cache_root: Path
    report: Callable[[str], None]
    _told: bool = field(default=False, init=False)

    def find(self, search: Search) -> EstimatedCosts | None:
        """Return what is known of a search; None if nothing is, or it cannot be read."""
        try:
            return EstimatedCosts.model_validate_json(self._path(search).read_bytes())
        except (OSError, ValueError):  # missing, or damaged
            return None

    def keep(self, search: Search, costs: EstimatedCosts) -> None:
        """Write down what was estimated."""
        path = self._path(search)
        try:
            made_folder(path.parent)
            write_whole(path, costs.model_dump_json())
        except HarnessError as error:
            if not self._told:
                self.report(f"warning: estimates are not kept: {error}")
            self._told = True

    def _path(self, search: Search) -> Path:
        return self.cache_root / FOLDER / f"{self._key(search)[:32]}.json"

    def _key(self, search: Search) -> str:
        costs = [device.cost for device in search.devices if device.cost is not None]
        return digest(
            {
                "code": self._code,
                "method": [search.method, search.params],
                "form": search.form,
                "setting": search.setting.model_dump(mode="json"),
                "budget": search.budget.model_dump(mode="json"),
                "seed": search.seed,
                "space": SpaceIdentity.of(search.space).model_dump(mode="json"),
                # The first is what a method is told of its operations' latency.
                "cost": costs[0].model_dump(mode="json") if costs else None,
            }
        )

    @cached_property
    def _code(self) -> dict[str, Any]:
        kinds: tuple[Kind, ...] = ("method", "space", "score")
        entries = [each for kind in kinds for each in self.plugins.registry.entries(kind)]
        modules = {entry.target.partition(":")[0] for entry in entries}
        packages = {"harness", *(module.partition(".")[0] for module in modules)}
        return {
            "sources": {package: _sources_digest(package) for package in sorted(packages)},
            "torch": version("torch"),
            "python": sys.version,
        }


def _sources_digest(package: str) -> str:
    """Return the SHA-256 of the Python files of a top-level package, which is not imported."""
    files = files_of(package, {".py"})
    return digest(
        {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    )
