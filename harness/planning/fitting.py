"""Checks that data set, space, device and budget go together, and completes budgets."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from harness.contracts import (
    ArchitectureSpace,
    ArchitectureTable,
    BuildsNetwork,
    CountsCost,
    Dataset,
    FrontSearch,
    KnowsLatency,
    ListsArchitectures,
)
from harness.data.dataset import check_setting
from harness.errors import PluginError, UsageError
from harness.experiment.budget import EVALUATIONS, Budget
from harness.experiment.objective import Objective
from harness.experiment.pretraining import meta_setting
from harness.experiment.setting import FewShotSetting, Setting
from harness.experiment.trial import DeviceIdentity
from harness.plugins.selection import Selection
from harness.space.spec import SearchSpace

__all__ = [
    "as_table",
    "check_fit",
    "check_images",
    "check_objective",
    "check_pretraining",
    "check_scored",
    "check_uncounted",
    "completed",
]


def check_fit(
    dataset: Dataset,
    name: str,
    space: SearchSpace | ArchitectureSpace,
    device: DeviceIdentity,
    budget: Budget,
) -> None:
    """Check that what was asked for can be run together.

    Args:
        dataset: images, or a table of accuracies.
        name: of the data set, for messages.
        space: what is searched.
        device: where it would run; a table knows no memory or time of any device.
        budget: what a trial may use.

    Raises:
        UsageError: it cannot; the message says what would work.
    """
    if dataset.kind == "tabular":
        _check_table(as_table(dataset, name), name, space, device, budget)
    elif not space.has_supernet:
        raise UsageError(
            f"the space '{space.name}' has no supernet to train on data set '{name}'; it needs a "
            "data set that is a table of its architectures"
        )
    elif budget.evaluations is not None:
        raise UsageError(
            f"the budget's evaluations={budget.evaluations} are for black-box searches; the space "
            f"'{space.name}' is searched in search_steps or epochs"
        )


def _check_table(
    table: ArchitectureTable,
    name: str,
    space: SearchSpace | ArchitectureSpace,
    device: DeviceIdentity,
    budget: Budget,
) -> None:
    if table.space != space.name:
        raise UsageError(
            f"data set '{name}' is a table of the space '{table.space}', not of '{space.name}'; "
            f"say --space {table.space}"
        )
    if device.mode == "emulated" or device.profile.memory_limit_bytes is not None:
        raise UsageError(
            f"data set '{name}' is a table, which tells no memory or time of device "
            f"'{device.name}'; leave out --device"
        )
    if budget.memory_mb is not None:
        raise UsageError(
            f"data set '{name}' is a table, where nothing takes memory that memory_mb could limit"
        )


def check_objective(
    objective: Objective,
    table: ArchitectureTable,
    name: str,
    space: SearchSpace | ArchitectureSpace,
    searches: Sequence[Selection],
) -> None:
    """Check that an objective can be answered, and that searches can look for it.

    Args:
        objective: what to find; accuracy alone needs no check.
        table: where the searches look architectures up.
        name: of the table, for messages.
        space: of the table; it may be able to count FLOPs and parameters.
        searches: those that would pursue the objective.

    Raises:
        UsageError: it cannot; the message says what would work.
    """
    if not objective.costs:
        return
    if not isinstance(table, ListsArchitectures):
        raise UsageError(
            f"data set '{name}' does not list its architectures, so the best of '{objective}' is "
            "not known"
        )
    if "latency" in objective.costs and not _tells_latency(table):
        raise UsageError(
            f"data set '{name}' was opened without the latencies that '{objective}' needs; name a "
            f"device of its own, such as {name}[latency=raspi4]"
        )
    if {"flops", "parameters"}.intersection(objective.costs) and not isinstance(space, CountsCost):
        raise UsageError(
            f"the space '{space.name}' does not count the cost that '{objective}' needs"
        )
    if not objective.front:
        return
    if find_spec("pymoo") is None:
        raise UsageError(
            f"the front of '{objective}' is found by pymoo, which is not installed; install the "
            "extra 'fronts': pip install 'onnas-harness[fronts]'"
        )
    for search in searches:
        if not isinstance(search.create(), FrontSearch):
            raise UsageError(
                f"search '{search.name}' looks for one number, and '{objective}' is a front; take "
                "nsga2 or random, or one number such as accuracy*(latency/20)^-0.07"
            )


def check_scored(label: str, objective: Objective, space: SearchSpace | ArchitectureSpace) -> None:
    """Check that a search of a table can evaluate by a zero-cost score.

    Raises:
        UsageError: the objective names costs, or the space builds no networks.
    """
    if objective.costs:
        raise UsageError(
            f"search '{label}' evaluates by a score, which takes the place of the accuracy alone; "
            f"'{objective}' needs the table, evaluator=table"
        )
    if not isinstance(space, BuildsNetwork):
        raise UsageError(
            f"search '{label}' evaluates by a score, which is one of networks, and the space "
            f"'{space.name}' builds none"
        )


def check_images(
    dataset: Dataset, name: str, image_shape: tuple[int, int, int], batch: int
) -> None:
    """Check that a score can be computed on a data set's training images.

    Raises:
        UsageError: it has none, too few, or of another shape.
    """
    if dataset.kind != "full-task" or dataset.image_shape != image_shape:
        raise UsageError(
            f"data set '{name}' has no training images of the shape {image_shape} that the "
            "table's networks take; name another for images"
        )
    if (there := len(dataset.images("train"))) < batch:
        raise UsageError(f"data set '{name}' has {there} training images; a batch has {batch}")


def _tells_latency(table: ListsArchitectures) -> bool:
    return isinstance(table, KnowsLatency) and table.latency(table.architectures()[0]) is not None


def check_uncounted(device: DeviceIdentity, budget: Budget) -> None:
    """Check that memory may go uncounted: a limit on it could not be enforced.

    Raises:
        UsageError: the device or the budget limits it.
    """
    limits = {
        f"device '{device.name}'": device.profile.memory_limit_bytes,
        "the budget's memory_mb": budget.memory_mb,
    }
    for name, limit in limits.items():
        if limit is not None:
            raise UsageError(f"memory has to be counted, since {name} limits it")


def check_pretraining(dataset: Dataset, setting: FewShotSetting, budget: Budget, name: str) -> None:
    """Check that a data set has the tasks that a budget's pretraining draws.

    Raises:
        UsageError: a class has too few images, or there are too few classes.
    """
    try:
        check_setting(dataset, meta_setting(setting.ways, budget.meta_shots), name)
    except UsageError as error:
        raise UsageError(f"{error} (for pretraining, which meta_epochs=0 does without)") from None


def as_table(dataset: Dataset, name: str) -> ArchitectureTable:
    """Return a data set of the kind `tabular` as an `ArchitectureTable`.

    Raises:
        PluginError: it lacks a part of that protocol.
    """
    if not isinstance(dataset, ArchitectureTable):
        raise PluginError(
            f"data set '{name}' is 'tabular', and lacks a part of what "
            "harness.contracts.ArchitectureTable asks for"
        )
    return dataset


def completed(budget: Budget, setting: Setting) -> Budget:
    """Fill in what a budget leaves open, so that the trial's key has it.

    For images that is the width C, as in the paper. For a table it is the number of evaluations;
    keys that only training uses are dropped.
    """
    if setting.kind == "tabular":
        evaluations = budget.evaluations or EVALUATIONS
        return Budget(evaluations=evaluations, wall_clock_s=budget.wall_clock_s)
    if budget.channels is not None:
        return budget
    return budget.model_copy(update={"channels": setting.default_channels})
