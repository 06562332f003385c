"""Processor time of a merged pass over all parameters against an ordinary one, in pairs.

`python -m tests.benchmarks.offline [C,SIZE,IMAGES,PAIRS ...]` prints the table of
`docs/benchmarks.md`: medians of pairs on one thread, with drop path as in pretraining.
"""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import Any

import torch

from harness.contracts import Batch
from harness.measure.dispatch import OperationMode, schema_of
from harness.space.backpropagation import Engine, ordinary
from harness.space.merged import merged
from harness.space.mixing import draw_drop_path
from harness.space.supernet import Supernet

SETTINGS = ["8,28,10,9", "8,14,10,9", "28,28,10,5", "28,14,10,5", "28,84,5,3"]
DROP_PATH = 0.2


class Calls(OperationMode):  # type: ignore[no-untyped-call] # torch has no types here
    """Counts operations: all of them, and those that are not views."""

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.every = self.computing = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one."""
        infos = [argument.alias_info for argument in schema_of(func).arguments]
        self.every += 1
        self.computing += not any(info and not info.is_write for info in infos)
        return func(*args, **(kwargs or {}))


def row(channels: int, size: int, images: int, pairs: int) -> str:
    """Measure one setting."""
    torch.manual_seed(0)
    net = Supernet(1, 20, channels)
    batch = Batch(torch.rand(images, 1, size, size), torch.arange(images) % 20)
    drop_path = draw_drop_path(images, DROP_PATH, torch.Generator().manual_seed(0))

    def run(engine: Engine) -> float:
        net.zero_grad()
        start = time.process_time()
        engine(net, batch, net.mixing(drop_path=drop_path))
        return time.process_time() - start

    run(ordinary), run(merged)
    times = [(run(ordinary), run(merged)) for _ in range(pairs)]
    calls = []
    for engine in (ordinary, merged):
        with Calls() as counted:
            run(engine)
        calls.append(f"{counted.every:,} ({counted.computing:,})")
    before, after = (1000 * median(each) for each in zip(*times, strict=True))
    ratio = median(late / early for early, late in times)
    cells = [f"{size}x{size}, C = {channels}, {images} images", f"{before:.0f}", f"{after:.0f}"]
    return f"| {' | '.join([*cells, f'{ratio:.2f}', *calls])} |"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("| pass | ordinary, ms | merged, ms | ratio | calls, ordinary | calls, merged |")  # noqa: T201 - it is what this is for
    print("| --- | --- | --- | --- | --- | --- |")  # noqa: T201 - it is what this is for
    for setting in sys.argv[1:] or SETTINGS:
        print(row(*map(int, setting.split(","))), flush=True)  # noqa: T201 - it is what this is for
