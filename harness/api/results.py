"""What the calls return: results that have a frame, a report and a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.comparison.result import ResultsComparison
    from harness.results.costs import EstimateRow
    from harness.results.results import Results

__all__ = ["Estimates", "RunResults"]


class RunResults:
    """What runs, estimates and benchmarks have left in folders."""

    def __init__(self, results: Results, folders: Sequence[Path], *, interrupted: bool = False):
        """Wrap what was loaded from `folders`."""
        self.results, self.folders, self.interrupted = results, tuple(folders), interrupted

    def frame(self) -> DataFrame:
        """Return a tidy table, a row for each number of each trial.

        Its columns are method, dataset, setting, device, mode, seed, metric, value, unit, source.
        """
        return self.results.frame()

    def report(self, path: str | Path) -> Path:
        """Write a report and return its path; see `harness.report`."""
        from harness.api.calls import report  # noqa: PLC0415 - which needs this module

        return report(self, path)

    def compare(self, other: RunResults) -> ResultsComparison:
        """Compare these results (A) with others (B); see `harness.compare`."""
        from harness.api.calls import compare  # noqa: PLC0415 - which needs this module

        return compare(self, other)

    def __repr__(self) -> str:
        """Say where they are, and how many."""
        folders = ", ".join(map(str, self.folders))
        return f"RunResults({len(self.results.trials)} trials in {folders})"

    def _repr_html_(self) -> str:
        return self.results._repr_html_()


@dataclass(frozen=True)
class Estimates:
    """What searches would cost, from shapes alone: everything in it is predicted.

    Attributes:
        rows: a row for each method and setting, with what each device makes of it.
    """

    rows: tuple[EstimateRow, ...]

    @cached_property
    def _frame(self) -> DataFrame:
        from pandas import DataFrame  # noqa: PLC0415 - slow, and only a frame needs it

        lines = []
        for row in self.rows:
            place = {"method": row.method, "dataset": row.dataset, "setting": row.setting}
            told = {"source": "predicted"}
            sizes = {"peak_memory": row.peak_memory_mib, "storage": row.storage_mib}
            for metric, value in sizes.items():
                told_of = {"device": None, "metric": metric, "value": value, "unit": "MiB"}
                lines.append({**place, **told_of, **told})
            for each in row.devices:
                time = each.search_time
                lines.append(
                    {
                        **place,
                        "device": each.device,
                        "metric": "search_time",
                        "value": time.value_s if time else None,
                        "unit": "s",
                        **told,
                    }
                )
        return DataFrame(lines).astype({"value": "float64"})

    def frame(self) -> DataFrame:
        """Return a tidy table: method, dataset, setting, device, metric, value, unit, source."""
        return self._frame

    def _repr_html_(self) -> str:
        html: str = self.frame().to_html(index=False)
        return html
