"""What the calls return: results that have a frame, a report and a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError

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
        # Imported here, as whatever a result may never be asked for.
        from harness.plugins.loading import load_plugins  # noqa: PLC0415 - see above
        from harness.reports.delivery import (  # noqa: PLC0415 - see above
            SUFFIXES,
            report_of,
            write_report,
        )
        from harness.system.folders import expanded  # noqa: PLC0415 - see above

        target = expanded(Path(path))
        formats = {suffix: name for name, suffix in SUFFIXES.items()}
        if target.suffix not in formats:
            raise UsageError(
                f"'{target.name}' does not name a format for a report; it must end in "
                f"{', '.join(sorted(formats))}"
            )
        report = report_of(load_plugins(), self.results, self.folders)
        write_report(report, {formats[target.suffix]: target}, lambda _: None)
        return target

    def compare(self, other: RunResults) -> ResultsComparison:
        """Compare these results (A) with others (B); see `harness.compare`."""
        from harness.comparison.result import compare  # noqa: PLC0415 - as above

        return compare(self.results, other.results)

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
        suite: that they were asked for by, if it was one.
        dataset_map: for a data set of the suite, what stood in for it.
    """

    rows: tuple[EstimateRow, ...]
    suite: str | None = None
    dataset_map: Mapping[str, str] = field(default_factory=dict)

    def save(self, folder: str | Path) -> Path:
        """Write the estimates into a folder, for `harness.load`, and return the file's path.

        Raises:
            RunFolderError: it cannot be written.
        """
        from harness.results.costs import save_estimate  # noqa: PLC0415 - imports pydantic
        from harness.system.folders import expanded  # noqa: PLC0415 - as above

        return save_estimate(expanded(Path(folder)), self.rows, self.suite, self.dataset_map)

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
