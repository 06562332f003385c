"""Trials are handed out and taken back once each; what fails between machines is tried again."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

import pytest

from harness.executors.base import TrialDelivery, TrialFinished, TrialLost, TrialStarted
from harness.executors.dask.connection import FleetError
from harness.executors.dask.executor import Dispatcher
from harness.executors.dask.protocol import RunProtocol, TrialReply, TrialRequest
from harness.experiment.outcome import Outcome, TrialClock
from harness.plugins.loading import load_plugins
from harness.runtime.job import TrialJob
from tests.executors.scripted import KilledWorker, Link

pytestmark = pytest.mark.usefixtures("scripted_dask")

Planned = Callable[..., list[TrialJob]]


def delivery(order_json: str) -> str:
    """What a worker answers when all goes well."""
    TrialRequest.model_validate_json(order_json)
    timed = TrialClock().timed(Outcome(status="ok"))
    return answer("delivery", delivery=TrialDelivery(**dict(timed), steps=[], log=""))


def answer(kind: Any, **fields: Any) -> str:
    """An answer of some kind."""
    return TrialReply(kind=kind, worker="tcp://w:1", **fields).model_dump_json()


def link_to(*fates: Any, cuts: int = 0) -> Link:
    """A scheduler whose workers deliver all trials but the first ones, which meet their fates."""
    return Link(*fates, answer=delivery, cuts=cuts)


def happenings(link: Link, jobs: list[TrialJob], said: list[str] | None = None) -> list[Any]:
    """All that is told of a run."""
    protocol = RunProtocol(load_plugins(), patience_s=1.0)
    say = (said if said is not None else []).append
    return list(Dispatcher(link, protocol, say).run(jobs))  # type: ignore[arg-type]


def delivered(told: list[Any]) -> list[str]:
    """The keys of what came home."""
    return [each.trial.key for each in told if isinstance(each, TrialFinished)]


def test_every_trial_comes_home_once(planned: Planned) -> None:
    """Trials are handed out no more than there are workers, and each is delivered once."""
    jobs, link = planned(5), link_to()
    told = happenings(link, jobs)
    assert sorted(delivered(told)) == sorted(job.trial.key for job in jobs)
    assert [type(each) for each in told[:2]] == [TrialStarted, TrialStarted]
    under_way = most = 0
    for each in told:
        under_way += 1 if isinstance(each, TrialStarted) else -1
        most = max(most, under_way)
    assert most <= 3  # the next is handed out before the last is written


def test_a_method_that_fails_is_not_tried_again(planned: Planned) -> None:
    """An error of the trial's own is a delivery like any other."""
    timed = TrialClock().timed(Outcome(status="error"))
    failed = answer("delivery", delivery=TrialDelivery(**dict(timed), steps=[], log=""))
    link = link_to(failed)
    (told,) = [each for each in happenings(link, planned(1)) if isinstance(each, TrialFinished)]
    assert told.outcome.outcome.status == "error"
    assert len(link.client.keys) == 1


def test_a_trial_that_kills_its_workers_is_given_up(planned: Planned) -> None:
    """After four workers it is lost, and the others go on."""
    jobs = planned(2)
    told = happenings(link_to(KilledWorker()), jobs)
    (lost,) = [each for each in told if isinstance(each, TrialLost)]
    assert lost.reason == "4 workers were lost while they ran it"
    assert delivered(told) == [jobs[1].trial.key]


@pytest.mark.parametrize(
    "fate", [None, asyncio.CancelledError(), concurrent.futures.CancelledError()]
)
def test_a_cut_connection_is_made_again(planned: Planned, fate: Any) -> None:
    """What was under way keeps its task, and comes home once."""
    said: list[str] = []
    link = link_to(fate, fate, cuts=1)
    jobs = planned(3)
    link.cuts = 0
    told: list[Any] = []
    protocol = RunProtocol(load_plugins(), patience_s=1.0)
    run = Dispatcher(link, protocol, said.append).run(jobs)  # type: ignore[arg-type]
    told.append(next(run))
    link.cuts = 1
    told += list(run)
    assert sorted(delivered(told)) == sorted(job.trial.key for job in jobs)
    assert link.renewals == 1
    assert said == ["The connection to tcp://s:1 was cut; it is made again."]
    assert link.client.keys[:2] == link.client.keys[2:4]


def test_a_trial_that_was_abandoned_is_handed_out_anew(planned: Planned) -> None:
    """Where a worker thought that nobody waited, the trial is another task, and comes home."""
    link = link_to(answer("abandoned"), None)
    assert len(delivered(happenings(link, planned(1)))) == 1
    assert len(set(link.client.keys)) == 3


def test_a_checkpoint_is_sent_where_it_is_missing(planned: Planned, tmp_path: Any) -> None:
    """The worker that has none asks, and gets its bytes."""
    (job,) = planned(1)
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"tensors")
    link = link_to(answer("wants_checkpoint"))
    told = happenings(link, [job.model_copy(update={"checkpoint": path})])
    assert len(delivered(told)) == 1
    assert link.client.sent == [None, b"tensors"]
    assert len(set(link.client.keys)) == 2


@pytest.mark.parametrize(
    ("fate", "says"),
    [
        (answer("refusal", reason="harness is 1 here"), "worker tcp://w:1 cannot run toy on dots"),
        ("{}", "is not a record of this harness: kind: Field required"),
        (
            '{"kind": "delivery", "worker": "w", "delivery": {"outcome": {"status": "fine"}}}',
            "not a r",
        ),
        (ModuleNotFoundError("No module named 'harness'"), "install the same onnas-harness there"),
    ],
)
def test_what_no_worker_should_say_ends_the_run(planned: Planned, fate: Any, says: str) -> None:
    """A refusal, or an answer that is none, is an error for a person."""
    with pytest.raises(FleetError, match=says):
        happenings(link_to(fate), planned(2))


def test_a_device_that_nobody_offers_is_waited_for(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says what is missing; the run goes on when such a worker comes."""
    monkeypatch.setattr("harness.executors.dask.connection.LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("harness.executors.dask.task_queue.POLL_S", 0.01)
    link, said, looks = link_to(), list[str](), iter([{}, {"w": frozenset({"jetson"})}] * 2)
    offers = link.offers
    monkeypatch.setattr(link, "offers", lambda: next(looks, offers()))
    assert len(delivered(happenings(link, planned(1), said))) == 1
    assert len(said) == 1
    assert "start one with --resources 'cpu=1'" in said[0]


def test_a_connection_that_is_cut_while_a_worker_is_waited_for_is_made_again(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing under way tells of the cut, and the worker that comes after it is found."""
    monkeypatch.setattr("harness.executors.dask.connection.LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("harness.executors.dask.task_queue.POLL_S", 0.01)
    link, said = link_to(), list[str]()
    offers = link.offers
    monkeypatch.setattr(link, "offers", lambda: offers() if link.renewals else {})

    def say(sentence: str) -> None:
        said.append(sentence)
        link.cuts = 1 - link.renewals  # just after nobody was found

    protocol = RunProtocol(load_plugins(), patience_s=1.0)
    told = list(Dispatcher(link, protocol, say).run(planned(1)))  # type: ignore[arg-type]
    assert len(delivered(told)) == 1
    assert [sentence.split()[0] for sentence in said] == ["Waiting", "The"]
    assert link.renewals == 1
