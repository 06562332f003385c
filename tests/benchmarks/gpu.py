"""What only a GPU can tell, in ten minutes: memory beside CUDA's own, and longer pretraining.

`python -m tests.benchmarks.gpu FOLDER` leaves in FOLDER the records of

- `memory`: two search steps of every method and engine at the paper's width, where each record has
  the counted memory and the peak of CUDA's allocator;
- `probe`: a short pretraining of On-NAS and MetaNAS, which says how many meta-epochs time allows;
- `accuracy`: that many, and then as many test tasks as there is time for, a hundred at most,

and `gpu.md` with a table of each. `HARNESS_DATA` names the folder that has Omniglot.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import harness
from harness.api.calls import RunResults

__all__ = ["Scale", "main", "memory_table"]

METHODS = (
    "darts", "darts[engine=streamed]", "darts[engine=step_by_step]",
    "metanas", "metanas[engine=streamed]", "metanas[engine=step_by_step,micro_batches=5]",
    "pcdarts", "pcdarts[engine=streamed]", "proxylessnas", "weights-only", "onnas",
)  # fmt: skip
META = ("onnas", "metanas")  # what is pretrained for longer, side by side
PROBED = 4  # meta-epochs; the first one warms up


class Scale(NamedTuple):
    """How much is done; the defaults are the paper's width and ten minutes."""

    device: str = "cuda"
    dataset: str = "omniglot"
    minutes: float = 10.0
    base: str = "paper"  # the budget that the others narrow
    ways: int = 20
    methods: tuple[str, ...] = METHODS
    tasks: int = 100


def main(folder: Path, scale: Scale) -> None:
    """Run the three parts within the time, and write the table."""
    end = time.monotonic() + 60 * scale.minutes
    memory = _memory(folder, scale)
    _write(folder, memory, None)  # whatever comes next, this is kept
    meta_epochs, tasks = _affordable(_probe(folder, scale), end - time.monotonic(), scale)
    accuracy = _run(
        folder / "accuracy", scale, META, 1, f"{_pretraining(meta_epochs)},tasks={tasks}"
    )
    _write(folder, memory, accuracy)


def _memory(folder: Path, scale: Scale) -> RunResults:
    budget = "meta_epochs=0,warmup_epochs=0,search_steps=2,tasks=1"
    return _run(folder / "memory", scale, scale.methods, 5, budget)


def _probe(folder: Path, scale: Scale) -> RunResults:
    return _run(folder / "probe", scale, META, 1, f"{_pretraining(PROBED)},tasks=2")


def _run(
    folder: Path, scale: Scale, methods: tuple[str, ...], shots: int, budget: str
) -> RunResults:
    """Run methods, as many side by side as a GPU that is idle otherwise takes."""
    return harness.run(
        methods, dataset=scale.dataset, ways=scale.ways, shots=shots, evaluation="both",
        device=scale.device, budget=f"{scale.base},{budget}", jobs=2, output=folder,
    )  # fmt: skip


def _pretraining(meta_epochs: int) -> str:
    """Return the budget of a pretraining whose last sixth learns architectures, as `small` has."""
    return f"meta_epochs={meta_epochs},warmup_epochs={meta_epochs * 5 // 6}"


def _affordable(probe: RunResults, seconds: float, scale: Scale) -> tuple[int, int]:
    """Return meta-epochs and test tasks: two thirds of the time for those, a third for these."""
    records = [trial.record for trial in probe.results.trials]
    epoch = max(
        record.pretraining.seconds / PROBED for record in records if record.pretraining is not None
    )
    task = max(record.tasks[-1].search_s or 0.0 for record in records)
    budgeted = max(0.0, seconds) * 0.9  # processes start, images are drawn
    tasks = min(scale.tasks, int(budgeted / 3 / max(task, 1e-3)))
    return max(PROBED, int((budgeted - tasks * task) / epoch)), max(2, tasks)


def memory_table(found: RunResults) -> pd.DataFrame:
    """Return the counted peak beside the allocator's for each method, in MiB, and their ratio."""
    wide = _by_method(found)
    told = [name for name in ("peak_memory", "allocator_peak", "reserved_peak") if name in wide]
    table = wide[told]
    if {"peak_memory", "allocator_peak"} <= set(told):
        table = table.assign(ratio=table["allocator_peak"] / table["peak_memory"])
    return table.round(3)


def _by_method(found: RunResults) -> pd.DataFrame:
    """Return a row for each method, and a column for each number that was read."""
    return found.frame().pivot_table(index="method", columns="metric", values="value", sort=False)


def _write(folder: Path, memory: RunResults, accuracy: RunResults | None) -> None:
    parts = ["# Memory, MiB", "", memory_table(memory).to_markdown()]
    if accuracy is not None:
        parts += ["", "# After pretraining", "", _by_method(accuracy).round(2).to_markdown()]
    (folder / "gpu.md").write_text("\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=Scale().minutes)
    chosen = parser.parse_args()
    main(chosen.folder, Scale(minutes=chosen.minutes))
