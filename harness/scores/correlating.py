"""Ranks architectures of a table by scores, and says how well each ranking agrees with the table.

FLOPs and parameters are always among the scores: a score that ranks no better than these tells
nothing that counting does not.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata  # type: ignore[import-untyped]

from harness.contracts import (
    ArchitectureSpace,
    ArchitectureTable,
    BuildsNetwork,
    CountsCost,
    DataRequest,
    Dataset,
    KnowsLatency,
    ListsArchitectures,
    ZeroCostScore,
)
from harness.errors import UsageError
from harness.planning.fitting import as_table, check_images
from harness.plugins.loading import Plugins
from harness.plugins.selection import select
from harness.plugins.spaces import CONTROLS, find_score, find_space
from harness.runtime.determinism import seed_for

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "Correlation",
    "CorrelationRequest",
    "Correlations",
    "Interval",
    "correlate",
    "kendall",
    "spearman",
]

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A correlation with the 2.5th and the 97.5th percentile of its resamples."""

    value: float
    low: float
    high: float


SAMPLE = 100  # architectures that are built and scored where nothing else is said


@dataclass(frozen=True, kw_only=True)
class CorrelationRequest:
    """What is to be ranked, and by what.

    Attributes:
        table: a data set of the kind `tabular`, with parameters as people write them.
        scores: zero-cost scores beside the controls.
        images: the data set that a batch of training images is taken from.
        batch: how many images.
        sample: how many architectures, drawn at random; None: all, or `SAMPLE` that are built.
        seed: of the sample, the batch and the initial weights.
    """

    table: str
    scores: Sequence[str] = ()
    images: str = "cifar10"
    batch: int = 64
    sample: int | None = None
    seed: int = 0
    data_root: Path | None = None
    cache_root: Path


class Correlation(NamedTuple):
    """How well a score ranks architectures by one column of the table; None where all are alike."""

    score: str
    target: str
    spearman: Interval | None
    kendall: Interval | None


@dataclass(frozen=True)
class Correlations:
    """The correlations of every score with every target, and the numbers they were computed from.

    Attributes:
        table: the data set, as it was asked for.
        architectures: those that were scored.
        scores: for each score, a number for each architecture, in their order.
        targets: the same for each column of the table: accuracy, latencies.
    """

    table: str
    architectures: Sequence[str]
    scores: Mapping[str, Floats]
    targets: Mapping[str, Floats]
    found: Sequence[Correlation] = field(default=())

    def to_json(self) -> dict[str, object]:
        """Return the correlations as JSON values, without the numbers of each architecture."""
        return {
            "table": self.table,
            "architectures": len(self.architectures),
            "correlations": [
                {
                    "score": each.score,
                    "target": each.target,
                    "spearman": each.spearman and each.spearman._asdict(),
                    "kendall": each.kendall and each.kendall._asdict(),
                }
                for each in self.found
            ],
        }

    def to_csv(self) -> str:
        """Return the numbers of each architecture as CSV, one row each."""
        text, columns = StringIO(), {**self.scores, **self.targets}
        numbers = (column.tolist() for column in columns.values())
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["architecture", *columns])
        rows.writerows(zip(self.architectures, *numbers, strict=True))
        return text.getvalue()


def correlate(
    plugins: Plugins, request: CorrelationRequest, say: Callable[[str], None]
) -> Correlations:
    """Score architectures of a table, and correlate scores with accuracies and latencies.

    Raises:
        UsageError: a score, the table or the images are not what this needs.
        DataError: the table or the images are missing or unreadable.
    """
    named = [name for name in request.scores if name not in CONTROLS]
    found = {name: find_score(plugins, name) for name in named}
    table, space = _open_table(plugins, request, say)
    architectures = _sampled(table, request)
    costs = [space.cost(each, table.image_shape, table.classes) for each in architectures]
    scores = {name: np.array([getattr(cost, name) for cost in costs]) for name in CONTROLS}
    if found:
        if not isinstance(space, BuildsNetwork):
            raise UsageError(f"the space '{table.space}' builds no networks, which scores need")
        batch = _batch(plugins, request, table, say)
        make = partial(space.network, image_shape=table.image_shape, classes=table.classes)
        scores |= _scored(found, request.seed, make, _counted(architectures, say), batch)
    targets = {"accuracy": np.array([table.accuracy(each) for each in architectures])}
    if isinstance(table, KnowsLatency):
        for device in table.devices:
            latencies = [table.latency(each, device) for each in architectures]
            targets[f"latency on {device}"] = np.array(latencies, dtype=float)
    correlations = [
        Correlation(
            name, target, spearman(values, told, request.seed), kendall(values, told, request.seed)
        )
        for target, told in targets.items()
        for name, values in scores.items()
    ]
    return Correlations(request.table, architectures, scores, targets, correlations)


class _ListedTable(ArchitectureTable, ListsArchitectures):
    """A table that lists its architectures."""


class _CountingSpace(ArchitectureSpace, CountsCost):
    """A space that counts FLOPs and parameters."""


def _open_table(
    plugins: Plugins, request: CorrelationRequest, say: Callable[[str], None]
) -> tuple[_ListedTable, _CountingSpace]:
    dataset, name = _prepared(plugins, request.table, request, say)
    if dataset.kind != "tabular":
        raise UsageError(f"data set '{name}' is not a table of architectures to correlate with")
    table = as_table(dataset, name)
    space = find_space(plugins, table.space)
    if not isinstance(table, ListsArchitectures) or not isinstance(space, CountsCost):
        raise UsageError(
            f"'{name}' does not list its architectures, or its space does not count FLOPs"
        )
    return table, space  # type: ignore[return-value] # mypy makes no intersections


def _prepared(
    plugins: Plugins, text: str, request: CorrelationRequest, say: Callable[[str], None]
) -> tuple[Dataset, str]:
    selections = select(plugins, "dataset", text)
    if len(selections) != 1:
        raise UsageError("name one data set, not all")
    made = DataRequest(request.data_root, request.cache_root, say)
    dataset: Dataset = selections[0].create().prepare(made)
    return dataset, selections[0].name


def _sampled(table: ListsArchitectures, request: CorrelationRequest) -> list[str]:
    """Return architectures of the table in its order, each once."""
    every = list(table.architectures())
    count = request.sample or (SAMPLE if request.scores else len(every))
    if count >= len(every):
        return every
    random = np.random.default_rng(seed_for(request.seed, "architectures"))
    places = np.sort(random.choice(len(every), count, replace=False))
    return [every[place] for place in places.tolist()]


def _batch(
    plugins: Plugins,
    request: CorrelationRequest,
    table: ArchitectureTable,
    say: Callable[[str], None],
) -> tuple[Tensor, Tensor]:
    """Return images of the split for training, drawn at random, and their labels."""
    from harness.scores.zero_cost import training_batch  # noqa: PLC0415 - imports torch

    dataset, name = _prepared(plugins, request.images, request, say)
    check_images(dataset, name, table.image_shape, request.batch)
    return training_batch(dataset, request.batch, request.seed)


def _scored(
    scores: Mapping[str, ZeroCostScore],
    seed: int,
    make: Callable[[str], nn.Module],
    architectures: Iterable[str],
    batch: tuple[Tensor, Tensor],
) -> dict[str, Floats]:
    """Score each architecture; every score has a fresh network with the same initial weights."""
    import torch  # noqa: PLC0415 - slow to import

    found: dict[str, list[float]] = {name: [] for name in scores}
    for number, architecture in enumerate(architectures):
        for name, score in scores.items():
            torch.manual_seed(seed_for(seed, "weights", number))
            found[name].append(score(make(architecture), *batch))
    return {name: np.array(values) for name, values in found.items()}


def _counted(architectures: Sequence[str], say: Callable[[str], None]) -> Iterator[str]:
    """Yield architectures one by one, and report progress after each tenth of them."""
    every = max(1, len(architectures) // 10)
    for number, architecture in enumerate(architectures):
        if number % every == 0:
            say(f"scoring architecture {number + 1:,} of {len(architectures):,}")
        yield architecture


# Rank correlations, with bootstrap intervals

RESAMPLES = 1000
MOST_DRAWN = 400_000  # architectures of all resamples together, so that whole tables take seconds
FEWEST = 100


def spearman(one: Floats, other: Floats, seed: int = 0) -> Interval | None:
    """Return Spearman's rho, ties sharing their mean rank; None where all values are alike."""
    return _with_interval(
        lambda a, b: float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]), one, other, seed
    )


def kendall(one: Floats, other: Floats, seed: int = 0) -> Interval | None:
    """Return Kendall's tau-b; None where all values of one are alike."""
    return _with_interval(lambda a, b: float(kendalltau(a, b).statistic), one, other, seed)


def _with_interval(
    measure: Callable[[Floats, Floats], float], one: Floats, other: Floats, seed: int
) -> Interval | None:
    """Resample pairs with replacement; both measures see the same resamples of a seed."""
    if _is_constant(one) or _is_constant(other):
        return None
    random, count = np.random.default_rng(seed), len(one)
    resamples = max(FEWEST, min(RESAMPLES, MOST_DRAWN // count))
    drawn = []
    for _ in range(resamples):
        places = random.integers(count, size=count)
        if not _is_constant(one[places]) and not _is_constant(other[places]):
            drawn.append(measure(one[places], other[places]))
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Interval(measure(one, other), low, high)


def _is_constant(values: Floats) -> bool:
    return bool((values == values[0]).all())
