"""The calls that list names, as `harness list` does, and check claims, as `harness claim` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.calls import cache_folder, data_folder, ignore, plugins_here

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.claims.ledger import JudgedClaim

__all__ = ["Ledger", "budgets", "claim", "datasets", "device_names", "methods", "spaces", "suites"]


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
    from harness.system.folders import expanded  # noqa: PLC0415 - as above
    from harness.trials.record_writer import SilentListener  # noqa: PLC0415 - as above

    plugins = plugins_here()
    request = ClaimRequest(
        method=method,
        name=name,
        folders=None if folders is None else [expanded(Path(each)) for each in folders],
        output=None if output is None else expanded(Path(output)),
        data_root=data_folder(data_root),
        cache_root=cache_folder(cache_root),
    )
    if run:
        run_missing(
            plugins,
            request,
            budget,
            ExecutorOptions(jobs),
            progress=lambda _: nullcontext(SilentListener()),
            say=ignore,
        )
    return Ledger(check_claims(plugins, request, lambda *_: None).judged)


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
