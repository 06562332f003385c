"""Estimates on disk: what was estimated once is not traced again.

An estimate is kept under a key that has all it depends on: the search, the cost model that a method
may ask, torch, and the sources of what traces it, of the method, and of spaces and scores, so that
a changed line of these makes another key. A file appears under its name only when it is whole; one
that is damaged is made anew.
"""

from __future__ import annotations

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
from harness.plugins.registry import Entry
from harness.runtime.sources import SourceReader, files_of
from harness.system.files import made_folder, write_whole
from harness.tracing.search import Search

__all__ = ["EstimateCache", "EstimatedCosts"]

FOLDER = "estimates"  # in the cache

# Files and folders of the harness that bytes and kernels depend on.
TRACED = (
    "adaptation/costs.py",
    "canonical.py",
    "contracts/",
    "cost_model/profile.py",
    "estimates/",
    "experiment/budget.py",
    "experiment/setting.py",
    "measure/",
    "runtime/determinism.py",
    "scores/zero_cost.py",
    "search/",
    "space/",
    "tracing/",
    "trials/full_task.py",
    "trials/models.py",
)


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
    _packages: dict[str, str] = field(default_factory=dict, init=False)  # digests

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
        method = self.plugins.registry.get(search.kind, search.method)
        return digest(
            {
                "code": [self._code, self._package_of(method)],
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
    def _sources(self) -> SourceReader:
        return SourceReader(self.cache_root)

    @cached_property
    def _code(self) -> dict[str, Any]:
        """What all estimates depend on."""
        traced = {
            name: path
            for name, path in files_of("harness").items()
            if name.removeprefix("harness/").startswith(TRACED)
        }
        registry = self.plugins.registry
        others = [*registry.entries("space"), *registry.entries("score")]
        return {
            "sources": self._sources.files(traced),
            "packages": sorted({self._package_of(entry) for entry in others}),
            "torch": version("torch"),
            "python": sys.version,
        }

    def _package_of(self, entry: Entry) -> str:
        """Return the digest of a plugin's package, and of what of its own that imports."""
        package = entry.target.partition(":")[0].partition(".")[0]
        if package not in self._packages:
            self._packages[package] = self._sources.package(package, entry.distribution)
            self._sources.keep()
        return self._packages[package]
