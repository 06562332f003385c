"""SLURM: what the documentation has people submit."""

from __future__ import annotations

import gc
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dask_jobqueue", reason="needs the extra 'slurm'")

PAGE = Path(__file__).parents[2] / "docs" / "many-machines.md"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Port 8787 is already in use")  # another cluster's dashboard
def test_the_documented_job_starts_one_worker_for_one_device() -> None:
    """The job script has a worker with one thread that offers the device, where images are."""
    (source,) = re.findall(r"```py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "cluster"}
    exec(compile(source, "cluster.py", "exec"), names)  # noqa: S102 - the project's own page
    cluster = names["cluster"]
    try:
        script, address = cluster.job_script(), cluster.scheduler_address
    finally:
        cluster.close()
        del cluster, names["cluster"]
        gc.collect()  # here, where it may warn
    lines = script.splitlines()
    assert "#SBATCH -t 04:00:00" in lines
    assert any(line.startswith("export HARNESS_DATA=/shared/data ") for line in lines)
    words = shlex.split(lines[-1])
    assert words[words.index("--nthreads") + 1] == "1"
    assert words[words.index("--resources") + 1] == "cpu=1"
    assert address in words
    assert "--nworkers" not in words
