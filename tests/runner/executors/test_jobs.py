"""`-j N`: several trials at once on this machine, through Dask itself."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.executors.base import Delivered, Delivery, Handed
from harness.executors.dask.link import require_dask
from harness.executors.dask.messages import Answer, Order
from harness.executors.local import Crew
from harness.plugins.loading import load_plugins
from harness.results.record import Outcome
from harness.runtime.job import TrialJob
from harness.trials.timed_outcome import Clock

pytest.importorskip("distributed", reason="needs the extra 'dask'")

pytestmark = pytest.mark.usefixtures("toy_plugin")

# Of sockets and loops that Dask leaves to the garbage collector when a cluster is closed.
quiet = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run in an empty folder, and leave no garbage of Dask's for other tests to be warned of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    yield tmp_path
    gc.collect()


def run(*arguments: str) -> dict[str, Any]:
    """Call `harness run` for a toy, and read its answer."""
    budget = "search_steps=3,tasks=2,meta_epochs=0"
    fixed = ["run", "--dataset", "dots", "--budget", budget, "--json"]
    result = CliRunner().invoke(cli, [*fixed, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {0, 1}, result.stderr
    assert result.stdout, result.stderr
    answered: dict[str, Any] = json.loads(result.stdout)
    return answered


def values(record: dict[str, Any]) -> Any:
    """What of a record does not depend on the clock."""
    tasks = [(task["index"], task["accuracy"]) for task in record["tasks"]]
    peak = record["metrics"].get("peak_memory")  # nothing of one that died
    error = record["error"]
    return record["trial_key"], record["status"], error, tasks, peak, record["architecture"]


@quiet
def test_side_by_side_gives_what_one_by_one_gives(scratch: Path) -> None:
    """The same records, steps and logs, also of a method that fails or dies; resumable."""
    methods = ["-m", "toy", "-m", "toy[does=raise]", "-m", "toy[does=die]", "-m", "toy[does=print]"]
    one = run(*methods, "-o", "one")
    two = run(*methods, "-j", "3", "-o", "two")
    assert list(map(values, one["trials"])) == list(map(values, two["trials"]))
    assert two["trials"][0]["environment"]["trials_side_by_side"] == 3
    for path in sorted((scratch / "one" / "trials").iterdir()):
        twin = scratch / "two" / "trials" / path.name
        assert {each.name for each in twin.iterdir()} == {each.name for each in path.iterdir()}
        steps = (twin / "steps.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(steps) == len((path / "steps.jsonl").read_text(encoding="utf-8").splitlines())
    logs = [path.read_text(encoding="utf-8") for path in (scratch / "two").rglob("log.txt")]
    assert sum("seen in the log" in log for log in logs) == 1
    again = run(*methods, "-j", "2", "-o", "two")
    assert (again["finished_earlier"], again["trials"]) == (4, two["trials"])


def answered_at_once(order_json: str, _: bytes | None = None) -> str:
    """A worker that has nothing to do."""
    Order.model_validate_json(order_json)
    delivery = Delivery(**dict(Clock().ending(Outcome(status="ok"))), steps=[], log="")
    return Answer(kind="delivery", worker="here", delivery=delivery).model_dump_json()


@pytest.mark.parametrize(("size", "policy"), [(1, None), (2, "passive")])
def test_threads_sleep_where_trials_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, size: int, policy: str | None
) -> None:
    """Threads that spin while they wait would keep other trials from computing."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")  # so that it is put back after the test
    Crew(load_plugins(), size)
    assert os.environ["OMP_WAIT_POLICY"] == "active"  # what a person has set stays
    del os.environ["OMP_WAIT_POLICY"]
    Crew(load_plugins(), size)
    assert os.environ.get("OMP_WAIT_POLICY") == policy


@quiet
@pytest.mark.slow
def test_handing_out_a_trial_costs_little(
    planned: Callable[..., list[TrialJob]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Client, scheduler and worker together take at most 50 ms of the processor a trial."""
    jobs, plugins = planned(200), load_plugins()
    monkeypatch.setattr("harness.executors.dask.dispatch.perform", answered_at_once)
    require_dask("this test")
    told = Crew(plugins, 1).run(jobs, print)
    assert isinstance(next(told), Handed)  # by now the cluster stands
    # Of the processor: what else the machine does at the time is no cost of ours.
    before = time.process_time()
    delivered = sum(isinstance(each, Delivered) for each in told)
    assert delivered == len(jobs)
    assert (time.process_time() - before) / len(jobs) <= 0.05
