"""A worker runs a trial only if its code and its images are those that the run was planned with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.executors.dask.checks import check, code_of, settle, take_checkpoint
from harness.executors.dask.connection import WorkerRefusalError
from harness.executors.dask.protocol import RunProtocol, TrialRequest
from harness.experiment.pretraining import pretraining_of
from harness.plugins.loading import load_plugins
from harness.runtime.job import TrialJob

Planned = Callable[..., list[TrialJob]]


def request_for(job: TrialJob) -> TrialRequest:
    """A request as the run writes it."""
    protocol = RunProtocol(load_plugins(), patience_s=1.0)
    return TrialRequest.model_validate_json(protocol.write(job))


def test_the_same_code_and_images_are_accepted(planned: Planned) -> None:
    """Where nothing differs, nothing is refused."""
    (job,) = planned(1)
    request = request_for(job)
    check(request.run, request.code, job)


def test_another_version_of_the_harness_is_named(planned: Planned) -> None:
    """Both versions are in the sentence."""
    (job,) = planned(1)
    request = request_for(job)
    here = request.code["harness"]
    old = {**request.code, "harness": "0.0.9 (0123456789ab)"}
    with pytest.raises(WorkerRefusalError) as refusal:
        check(request.run, old, job)
    assert f"harness is {here} here" in str(refusal.value)
    assert "planned with 0.0.9 (0123456789ab)" in str(refusal.value)


def test_a_changed_line_is_another_code(planned: Planned, tmp_path: Path) -> None:
    """The version of a plugin may stay while its source changes; its digest does not."""
    planned(1)
    plugins = load_plugins()
    before = code_of(plugins, "toy", "dots")
    source = next(tmp_path.rglob("method.py"))
    source.write_text(source.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    after = code_of(plugins, "toy", "dots")
    assert before["harness"] == after["harness"]
    assert before["method 'toy'"] != after["method 'toy'"]
    assert after["method 'toy'"].startswith("toy 1.0 (")


def test_other_images_are_named_by_both_fingerprints(planned: Planned) -> None:
    """A data set that is not the planned one is refused before anything is run."""
    (job,) = planned(1)
    dataset = job.trial.dataset.model_copy(update={"fingerprint": "ab" * 32})
    other = job.model_copy(update={"trial": job.trial.model_copy(update={"dataset": dataset})})
    request = request_for(other)
    with pytest.raises(WorkerRefusalError) as refusal:
        check(request.run, request.code, other)
    assert job.trial.dataset.fingerprint[:12] in str(refusal.value)
    assert "planned with abababababab" in str(refusal.value)


def test_a_worker_uses_folders_of_its_own(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its HARNESS_CACHE and HARNESS_DATA go first; a folder that it lacks is none."""
    (job,) = planned(1)
    asked = job.model_copy(update={"data_root": tmp_path / "not here"})
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "mine"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    settled = settle(asked)
    assert (settled.cache_root, settled.data_root) == (tmp_path / "mine", None)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    assert settle(asked).data_root == tmp_path


def test_a_checkpoint_that_arrives_damaged_is_refused(planned: Planned, tmp_path: Path) -> None:
    """Bytes that are no checkpoint start no search; a missing one is asked for."""
    budget = "search_steps=1,tasks=1,meta_epochs=1,warmup_epochs=0"
    (job,) = planned(1, methods=["learner"], budget=budget)
    pretraining = pretraining_of(job.trial, {})
    path = tmp_path / "cache" / "pretraining" / "x.safetensors"
    asked = job.model_copy(update={"pretraining": pretraining, "checkpoint": path})
    assert take_checkpoint(asked, None) is False
    with pytest.raises(WorkerRefusalError, match="arrived damaged"):
        take_checkpoint(asked, b"no checkpoint")


def test_workers_in_threads_leave_standard_output_alone(planned: Planned) -> None:
    """Eight that check at once, each for a run of its own, are done with it one after another."""
    (job,) = planned(1)
    requests = [request_for(job) for _ in range(8)]
    before = sys.stdout
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: check(each.run, each.code, job), requests))
    assert sys.stdout is before
