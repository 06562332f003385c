"""The run folder: locked, planned first, its finished records untouched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.devices.profile import DeviceProfile
from harness.errors import RunFolderError
from harness.experiment.budget import Budget
from harness.experiment.outcome import Outcome, Status
from harness.experiment.setting import FewShotSetting
from harness.experiment.trial import DatasetIdentity, DeviceIdentity, MethodIdentity, Trial
from harness.planning.run_directory import Origin, RunFolder, choose_folder
from harness.results.record import Record


def trial(seed: int = 0, label: str = "m") -> Trial:
    """A trial of nothing in particular."""
    return Trial(
        method=MethodIdentity(name="m", version="1", distribution="d", params={}, label=label),
        dataset=DatasetIdentity(
            name="data",
            params={"path": "here"},
            fingerprint="f" * 64,
            image_shape=(1, 8, 8),
            label="data",
        ),
        setting=FewShotSetting(),
        device=DeviceIdentity(
            name="cpu",
            params={},
            mode="measured",
            profile=DeviceProfile(name="cpu", model="any", kind="cpu"),
        ),
        budget=Budget(),
        seed=seed,
    )


def finish(folder: RunFolder, of: Trial, status: Status = "ok") -> Path:
    """Leave a record as a run would."""
    path = folder.begin(of)
    outcome = Outcome(status=status)
    record = Record.of(of, outcome, wall_s=1.0, started_at="then", ended_at="later")
    folder.finish(of, outcome, record)
    return path / "record.json"


def test_the_key_does_not_depend_on_where_or_how_it_was_written() -> None:
    """Path, label and the order of fields are no part of a trial's key; the seed is."""
    other = trial(label="m[written=otherwise]").model_copy(
        update={
            "dataset": DatasetIdentity(
                name="data", params={}, fingerprint="f" * 64, image_shape=(1, 8, 8), label="data"
            )
        }
    )
    assert other.key == trial().key
    assert trial(1).key != trial(0).key


def test_a_final_record_is_found_again_and_an_interrupted_one_is_not(tmp_path: Path) -> None:
    """`finished` gives final records of the same trial only."""
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        finish(folder, trial(0))
        finish(folder, trial(1), "interrupted")
        finish(folder, trial(2), "over_budget")
    assert [folder.finished(trial(seed)) is not None for seed in range(4)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_half_written_trial_folder_is_made_anew(tmp_path: Path) -> None:
    """What a killed run left without a record goes when the trial is run again."""
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        (folder.begin(trial()) / "steps.jsonl").write_text("{", encoding="utf-8")
        assert list(folder.begin(trial()).iterdir()) == []


def test_an_unreadable_record_is_not_overwritten(tmp_path: Path) -> None:
    """A record from another harness is refused by name, not deleted."""
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        record = finish(folder, trial())
        record.write_text('{"schema": 99}', encoding="utf-8")
        with pytest.raises(RunFolderError, match=r"record\.json cannot be read"):
            folder.begin(trial())
    assert record.exists()


def test_a_plan_keeps_what_earlier_runs_planned(tmp_path: Path) -> None:
    """Adding trials to a run folder leaves the earlier ones in its plan, each once."""
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        folder.add_to_plan([trial(0)])
        folder.add_to_plan([trial(0), trial(1)])
    plan = json.loads((folder.path / "plan.json").read_text(encoding="utf-8"))
    assert [each["seed"] for each in plan["trials"]] == [0, 1]


def test_a_plan_says_where_its_trials_came_from(tmp_path: Path) -> None:
    """Suites and what stood in for their data add up over runs; a plan without them is read."""
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        folder.add_to_plan([trial(0)], Origin("table2", {"miniimagenet": "folder[path=x]"}))
        folder.add_to_plan([trial(1)], Origin("mine.toml"))
        folder.add_to_plan([trial(1)])
    plan = json.loads((folder.path / "plan.json").read_text(encoding="utf-8"))
    assert plan["suites"] == ["table2", "mine.toml"]
    assert plan["dataset_map"] == {"miniimagenet": "folder[path=x]"}
    del plan["suites"], plan["dataset_map"]
    (folder.path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    with folder.locked():
        folder.add_to_plan([trial(2)], Origin("table3"))
    plan = json.loads((folder.path / "plan.json").read_text(encoding="utf-8"))
    assert (plan["suites"], len(plan["trials"])) == (["table3"], 3)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    """A second run in a locked folder is refused in a sentence."""
    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(RunFolderError, match="another run is writing"),
        RunFolder(tmp_path / "run").locked(),
    ):
        pass


@pytest.mark.parametrize("content", ["notes.txt", "plan.json"])
def test_a_foreign_folder_is_refused(tmp_path: Path, content: str) -> None:
    """A folder with something else in it is no run folder."""
    (tmp_path / content).write_text("mine", encoding="utf-8")
    folder = RunFolder(tmp_path)
    with pytest.raises(RunFolderError, match=r"not a plan|not a run folder"), folder.locked():
        folder.add_to_plan([trial()])


def test_no_resume_takes_the_next_free_name(tmp_path: Path) -> None:
    """Without resuming, a run goes to a new folder beside the old one."""
    folder = RunFolder(tmp_path / "run")
    assert choose_folder(folder.path, [trial()], name="x", resume=False) == folder.path
    with folder.locked():
        folder.add_to_plan([trial()])
    chosen = [
        choose_folder(folder.path, [trial()], name="x", resume=resume).name
        for resume in (True, False)
    ]
    assert chosen == ["run", "run-2"]


def test_the_same_request_has_the_same_default_folder() -> None:
    """The default folder's name depends on the trials, not on their order or the time."""
    one = choose_folder(None, [trial(0), trial(1)], name="glyphs-quick", resume=True)
    two = choose_folder(None, [trial(1), trial(0)], name="glyphs-quick", resume=True)
    other = choose_folder(None, [trial(2)], name="glyphs-quick", resume=True)
    assert one == two != other
