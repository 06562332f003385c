"""Digests of the code that the numbers of a trial depend on; they are a part of its key.

Of the harness, only modules that compute count: not commands, tables or pictures. What pretraining
depends on has a digest of its own, so that hours of pretraining outlive a change in how trials are
measured.
"""

from __future__ import annotations

from pathlib import Path

import harness
from harness.errors import HarnessError
from harness.experiment.trial import CodeIdentity
from harness.plugins.registry import Entry, Registry
from harness.runtime.job import Job
from harness.runtime.sources import SUFFIXES, SourceReader

__all__ = ["CodeChangedError", "CodeReader", "Made", "check_unchanged"]

HOST = Path(harness.__file__).parent

# Files and folders of the harness. `LEARNING` is what both stages depend on.
LEARNING = (
    "canonical.py",
    "contracts",
    "data/dataset.py",
    "data/images.py",
    "data/layout.py",
    "experiment/setting.py",
    "runtime/determinism.py",
    "runtime/factory.py",
    "search",
    "space",
    "loop/episode.py",
)
OFFLINE = (
    *LEARNING,
    "experiment/pretraining.py",
    "pretraining/inner_loop.py",
    "pretraining/loop.py",
    "runtime/meta_tasks.py",
    "runtime/process_group.py",
)
ON_DEVICE = (
    *LEARNING,
    "cost_model/profile.py",
    "devices/readings",
    "experiment/objective.py",
    "measure",
    "scores/zero_cost.py",
    "tracing",
    "trials/answers.py",
    "trials/few_shot.py",
    "trials/full_task.py",
    "loop/guards.py",
    "trials/models.py",
    "trials/readings.py",
    "trials/session.py",
    "trials/tabular.py",
    "trials/trial.py",
)

# A data set or device as it is registered, and the object that was made of it.
Made = tuple[Entry, object]


class CodeReader:
    """Tells what code trials depend on; each package is read once."""

    def __init__(self, cache_root: Path) -> None:
        """Read the harness's own sources.

        Args:
            cache_root: where what is known of sources is kept.
        """
        self._sources = SourceReader(cache_root)
        self._packages: dict[str, str] = {}
        self._host = {part: self._sources.files(_host(part)) for part in (OFFLINE, ON_DEVICE)}

    def identity(  # noqa: PLR0913 - all that a trial's numbers come from
        self,
        method: Entry,
        dataset: Made,
        device: Made,
        *,
        space: Entry | None = None,
        score: Entry | None = None,
        is_pretrained: bool,
    ) -> CodeIdentity:
        """Return the identity of the code of a trial.

        Args:
            method: as it is registered.
            dataset: as it is registered, and prepared; the harness's own class adds nothing.
            device: as it is registered, and made; one that a profile describes adds nothing.
            space: as it is registered, if it is.
            score: the zero-cost score that architectures are evaluated by, if one is.
            is_pretrained: whether its budget and its setting have a pretraining.
        """
        identity = CodeIdentity(
            offline=self._host[OFFLINE] if is_pretrained else "",
            on_device=self._host[ON_DEVICE],
            method=self._of_entry(method),
            dataset=self._package(type(dataset[1]).__module__, dataset[0].distribution),
            device=self._package(type(device[1]).__module__, device[0].distribution),
            space=self._of_entry(space),
            score=self._of_entry(score),
        )
        self._sources.keep()
        return identity

    def _of_entry(self, entry: Entry | None) -> str:
        return "" if entry is None else self._package(entry.target, entry.distribution)

    def _package(self, target: str, distribution: str) -> str:
        name = target.partition(":")[0].partition(".")[0]
        if name == "harness":
            return ""
        if name not in self._packages:
            self._packages[name] = self._sources.package(name, distribution)
        return self._packages[name]


def check_unchanged(registry: Registry, job: Job) -> None:
    """Check that the method of a job is what the run was planned with, before it is imported.

    Raises:
        CodeChangedError: somebody has changed it since.
    """
    if job.code is None:
        return
    entry = registry.get("method", job.method_name)
    package = entry.target.partition(":")[0]
    if SourceReader(job.cache_root).package(package, entry.distribution) != job.code.method:
        raise CodeChangedError(
            f"the sources of {entry} have changed since the run was planned; start it again, and "
            "what is not finished is run with the new ones"
        )


class CodeChangedError(HarnessError):
    """Sources have changed since the run was planned."""


def _host(parts: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of parts of the harness by their names."""
    found: dict[str, Path] = {}
    for part in parts:
        paths = [HOST / part] if part.endswith(".py") else sorted((HOST / part).rglob("*"))
        found |= {
            path.relative_to(HOST).as_posix(): path for path in paths if path.suffix in SUFFIXES
        }
    return found
