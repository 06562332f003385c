"""The whole plugin surface: sixteen hooks.

A plugin is a module that the entry-point group `harness` names. It marks its hooks with
`harness.hookimpl`, and gives names to lazy `"module:attribute"` targets, so that listing what there
is imports neither torch nor the plugin's own code. What a target must be is in `harness.contracts`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pluggy import HookspecMarker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.environment import Check
    from harness.experiment.trial import Trial
    from harness.metrics import MetricSpec
    from harness.results.record import Record

hookspec = HookspecMarker("harness")


class Register(Protocol):
    """Registers a lazy target under a name."""

    def __call__(
        self, name: str, target: str, *, parameters: str | None = None, summary: str = ""
    ) -> None:
        """Register `target`, a `"module:attribute"` or `"module:file.toml"`, under `name`.

        Args:
            name: what people type: lower-case letters, digits and hyphens.
            target: the class that is called with the parameters, see `harness.contracts`; for a
                suite or a claim, the `"module:file.toml"` resource that describes it; for a device
                one or the other.
            parameters: a pydantic model of the target's parameters (`name[key=value]`), in a module
                that imports no torch. Without it the target takes no parameters; a TOML file never
                does. A field marked by `harness.fields.SEARCH_ONLY` is none that a method's
                pretraining depends on.
            summary: one line for `harness list`. A method or search whose summary begins with
                `Control:` is one that reports compare the accuracy of all others with.
        """


@hookspec
def harness_register_methods(register: Register) -> None:
    """Register search methods: targets are `harness.contracts.SearchMethod` classes."""


@hookspec
def harness_register_datasets(register: Register) -> None:
    """Register data sets: targets are `harness.contracts.DatasetProvider` classes."""


@hookspec
def harness_register_devices(register: Register) -> None:
    """Register devices: targets are TOML profiles in a package, `"package.module:file.toml"`.

    `harness.devices.profile` says what is in one; its `name` is the name that is registered. A
    device that needs code of its own has a `harness.contracts.Device` class for its target.
    """


@hookspec
def harness_register_suites(register: Register) -> None:
    """Register suites: targets are TOML files in a package, `"package.module:file.toml"`."""


@hookspec
def harness_register_claims(register: Register) -> None:
    """Register claims: targets are TOML files in a package, `"package.module:file.toml"`.

    `harness.claims.claim` says what is in one. The name begins with that of the method that it is
    about, as `onnas-storage` does; `harness claim onnas storage` then checks it.
    """


@hookspec
def harness_register_reporters(register: Register) -> None:
    """Register reporters: targets are classes whose methods are some of the hooks below.

    They bear the mark `harness.hookimpl` as functions of a module do. A reporter is made, and
    follows trials, where a person asks for it, `harness run --reporter NAME`; a plugin that has
    these hooks itself always follows them.
    """


@hookspec
def harness_register_spaces(register: Register) -> None:
    """Register search spaces: targets make a `harness.contracts.ArchitectureSpace`."""


@hookspec
def harness_register_searches(register: Register) -> None:
    """Register black-box searches: targets are `harness.contracts.BlackBoxSearch` classes.

    People name them as they name methods, `-m NAME`, where a data set is a table of accuracies; a
    name may be that of a method too, which then is what images are searched with.
    """


@hookspec
def harness_register_scores(register: Register) -> None:
    """Register zero-cost scores: targets are `harness.contracts.ZeroCostScore` functions.

    A score is a row of `harness correlate -s NAME`, and what a search may evaluate by in place of
    training, `-m 'SEARCH[evaluator=NAME]'`. It takes no parameters. One that only counts, as FLOPs,
    has a summary that begins with `Control:`.
    """


@hookspec
def harness_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Register metrics of the plugin's own, each a `harness.metrics.MetricSpec`.

    A device reads them (`harness.contracts.ReadsMetrics`), or a method reports them
    (`harness.contracts.ReportsMetrics`); records, tables, comparisons and frames then have them.
    """
    raise NotImplementedError


@hookspec
def harness_doctor() -> Iterable[Check]:
    """Check what the plugin needs beside itself, such as an optional library.

    Called by `harness doctor` alone, so it may import what is slow; each check is a row there.
    """
    raise NotImplementedError


@hookspec
def harness_run_started(folder: Path) -> None:
    """Hear of the run before its first trial; what is written belongs in the run folder."""


@hookspec
def harness_run_finished() -> None:
    """Hear of the end, after the last trial, also of a run that was interrupted."""


@hookspec
def harness_trial_started(trial: Trial) -> None:
    """Hear of a trial before its first step, in the process that runs the suite."""


@hookspec
def harness_trial_progress(trial: Trial, event: dict[str, Any]) -> None:
    """Hear of each search step once it is done; `event` is the row that goes to `steps.jsonl`.

    Steps of trials that run side by side or on other machines come once they are back.
    """


@hookspec
def harness_trial_finished(trial: Trial, record: Record) -> None:
    """Hear of a trial's record once it is on disk, whatever way the trial ended."""
