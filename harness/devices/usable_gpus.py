"""Which GPUs torch can use, found out without loading torch into this process."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

from harness.devices.readings.recognition import cuda_names

__all__ = ["usable_gpus"]

QUESTION = (
    "import json; from harness.devices.readings.recognition import cuda_names;"
    "print(json.dumps(cuda_names()))"
)


@cache
def usable_gpus() -> tuple[str, ...]:
    """Return the names of the GPUs that torch can use, in torch's order.

    Where torch is not loaded yet a process of its own is asked, which takes seconds. What torch and
    CUDA take of the memory at their first use is then given back: on a board whose processor and
    GPU share 2 GB, it would be missing to the trials.
    """
    if "torch" in sys.modules:
        return tuple(cuda_names())
    command = [sys.executable, "-c", QUESTION]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own code
    return tuple(json.loads(answer.stdout)) if answer.returncode == 0 else ()
