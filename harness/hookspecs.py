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
                does. Mark a field by `harness.fields.SEARCH_ONLY` if a method's pretraining does
                not depend on it.
            summary: one line for `harness list`. If the summary of a method or search begins with
                `Control:`, reports compare the accuracy of all others with it.
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

    These methods are marked by `harness.hookimpl`, as functions of a module are. A reporter follows
    trials only if a person asks for it, `harness run --reporter NAME`; a plugin that has these
    hooks itself always follows them.
    """


@hookspec
def harness_register_spaces(register: Register) -> None:
    """Register search spaces: targets make a `harness.contracts.ArchitectureSpace`."""


@hookspec
def harness_register_searches(register: Register) -> None:
    """Register black-box searches: targets are `harness.contracts.BlackBoxSearch` classes.

    People name them like methods, `-m NAME`, if the data set is a table of accuracies. A search and
    a method may share a name; the method is then meant where the data set has images.
    """


@hookspec
def harness_register_scores(register: Register) -> None:
    """Register zero-cost scores: targets are `harness.contracts.ZeroCostScore` functions.

    `harness correlate -s NAME` ranks architectures by a score, and a search can evaluate by it in
    place of training, `-m 'SEARCH[evaluator=NAME]'`. It takes no parameters. The summary of one
    that only counts, such as FLOPs, begins with `Control:`.
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
    """Check what the plugin needs in addition, such as an optional library.

    Only `harness doctor` calls it, so it may import slow modules; each check is a row there.
    """
    raise NotImplementedError


@hookspec
def harness_run_started(folder: Path) -> None:
    """Act before the first trial of a run; write files into the run folder only."""


@hookspec
def harness_run_finished() -> None:
    """Act after the last trial of a run, also if the run was interrupted."""


@hookspec
def harness_trial_started(trial: Trial) -> None:
    """Act before the first step of a trial, in the process that runs the suite."""


@hookspec
def harness_trial_progress(trial: Trial, event: dict[str, Any]) -> None:
    """Act after each search step; `event` is the row that goes to `steps.jsonl`.

    For a trial on another machine, the steps are reported when the trial has come back.
    """


@hookspec
def harness_trial_finished(trial: Trial, record: Record) -> None:
    """Act once a trial's record is on disk, however the trial ended."""
