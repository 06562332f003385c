"""The calls that list names, check claims, and correlate scores with tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.arguments import (
    cache_folder,
    data_folder,
    path_of,
    plugins_here,
    say_on_stderr,
    teller,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.claims.ledger import JudgedClaim
    from harness.scores.correlating import Correlations

__all__ = [
    "Ledger",
    "budgets",
    "claim",
    "correlate",
    "datasets",
    "device_names",
    "methods",
    "spaces",
    "suites",
]


class Ledger(tuple["JudgedClaim", ...]):
    """Claims with their verdicts, in the order in which they are registered."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Say how many claims have which verdict."""
        verdicts = Counter(each.verdict for each in self)
        told = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
        return f"<Ledger of {len(self)}: {told}>"

    def frame(self) -> DataFrame:
        """Return a row for each claim; what nothing was run or estimated for is missing."""
        from pandas import DataFrame  # noqa: PLC0415 - slow, and only a frame needs it

        lines = [_line(each) for each in self]
        numbers = dict.fromkeys(("published", "ours", "low", "high"), "float64")
        return DataFrame(lines, columns=list(_COLUMNS)).astype(numbers)

    def _repr_html_(self) -> str:
        """Show the verdicts in a notebook."""
        html: str = self.frame().to_html(index=False, na_rep="–")
        return html


_COLUMNS = (
    "method", "claim", "verdict", "relation", "published", "ours", "low", "high", "unit", "mode",
    "setting", "budget", "reason",
)  # fmt: skip


def _line(judged: JudgedClaim) -> tuple[object, ...]:
    claim, finding = judged.named.claim, judged.finding
    published = claim.published
    return (
        *(claim.method, judged.named.name, judged.verdict, published.relation, published.value),
        *(finding.value, finding.low, finding.high, published.unit, finding.mode),
        *(finding.setting or None, finding.budget or None, judged.reason),
    )


def claim(  # noqa: PLR0913 - they mirror the flags of `harness claim`
    method: str,
    name: str | None = None,
    *,
    folders: Sequence[str | Path] | None = None,
    run: bool = False,
    budget: str | None = None,
    jobs: int | None = None,
    output: str | Path | None = None,
    data_root: str | Path | None = None,
    cache_root: str | Path | None = None,
) -> Ledger:
    """Check what was published about a method; each claim comes with a verdict and its reason.

    Args:
        method: the method that claims are about, such as `"onnas"`.
        name: one claim; None: all claims about the method.
        folders: run folders to judge by; None: `results/reference`, and `output` if it exists.
        run: whether to run the trials that claims need and that are missing, before judging.
        budget: of these trials; None: missing ones run at `small`, and any budget counts as run.
        jobs: how many trials to run side by side.
        output: the folder to run missing trials in; None: `results/claims/METHOD`.
        data_root: where data sets are; by default what `HARNESS_DATA` says.
        cache_root: where decoded images, checkpoints and estimates are kept.

    Raises:
        UsageError: there is no such claim or folder.
    """
    from harness.claims.checking import (  # noqa: PLC0415 - see `harness.api`
        ClaimRequest,
        check_claims,
        run_missing,
    )
    from harness.executors.base import ExecutorOptions  # noqa: PLC0415 - as above
    from harness.trials.record_writer import SilentListener  # noqa: PLC0415 - as above

    plugins = plugins_here()
    request = ClaimRequest(
        method=method,
        name=name,
        folders=None if folders is None else [path_of(each) for each in folders],
        output=None if output is None else path_of(output),
        data_root=data_folder(data_root),
        cache_root=cache_folder(cache_root),
    )
    if run:
        ran = run_missing(
            plugins,
            request,
            budget,
            ExecutorOptions(jobs),
            progress=lambda _: nullcontext(SilentListener()),
            say=say_on_stderr,
        )
        if ran is not None and ran.interrupted:
            raise KeyboardInterrupt  # a notebook's stop: no ledger of half of the trials
    return Ledger(check_claims(plugins, request, lambda *_: None).judged)


def correlate(  # noqa: PLR0913 - they mirror the flags of `harness correlate`
    scores: str | Sequence[str] = (),
    *,
    dataset: str = "nasbench201",
    images: str = "cifar10",
    batch: int = 64,
    sample: int | None = None,
    seed: int = 0,
    data_root: str | Path | None = None,
    cache_root: str | Path | None = None,
    progress: bool = True,
) -> Correlations:
    """Say how well scores rank architectures by what a table has measured.

    Args:
        scores: zero-cost scores, beside FLOPs and parameters.
        dataset: the table.
        images: the data set whose training images a score is given.
        batch: how many images.
        sample: architectures, drawn at random; None: all, or with a score 100.
        seed: of all that is drawn.
        data_root: where data sets are; by default what `HARNESS_DATA` says.
        cache_root: where decoded images are kept.
        progress: whether progress is shown on standard error.

    Raises:
        UsageError: a score, the table or the images are not what this needs.
        DataError: the table or the images are missing or unreadable.
    """
    from harness.scores.correlating import (  # noqa: PLC0415 - see `harness.api`
        CorrelationRequest,
        correlate,
    )

    request = CorrelationRequest(
        table=dataset,
        scores=(scores,) if isinstance(scores, str) else tuple(dict.fromkeys(scores)),
        images=images,
        batch=batch,
        sample=sample,
        seed=seed,
        data_root=data_folder(data_root),
        cache_root=cache_folder(cache_root),
    )
    return correlate(plugins_here(), request, teller(progress=progress))


def methods() -> list[str]:
    """Return the names of the methods that plugins have registered."""
    return list(plugins_here().registry.names("method"))


def datasets() -> list[str]:
    """Return the names of the data sets that plugins have registered."""
    return list(plugins_here().registry.names("dataset"))


def device_names() -> list[str]:
    """Return the names of the devices that plugins and profiles have registered."""
    return list(plugins_here().registry.names("device"))


def suites() -> list[str]:
    """Return the names of the suites that plugins have registered."""
    return list(plugins_here().registry.names("suite"))


def budgets() -> list[str]:
    """Return the names of the budgets."""
    from harness.experiment.budget import NAMED_BUDGETS  # noqa: PLC0415 - see the module

    return list(NAMED_BUDGETS)


def spaces() -> list[str]:
    """Return the names of the search spaces."""
    from harness.space.spec import SPACES  # noqa: PLC0415 - see the module

    return list(dict.fromkeys([*SPACES, *plugins_here().registry.names("space")]))
