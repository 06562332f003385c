"""Which rows are compared with which, and what keeps two rows apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.comparison.result import compare
from harness.errors import UsageError
from harness.results.record import Record
from tests.comparison.conftest import estimate, estimated, found, only

MakeRecord = Callable[..., Record]


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"mode": "emulated"}, "mode", "A is measured, B is emulated"),
        ({"budget": {"search_steps": 3}}, "budget", "search_steps is 10 in A and 3 in B"),
        ({"dataset": {"fingerprint": "e" * 64}}, "dataset", "ffffffffffff in A and eeee"),
        ({"dataset": {"evaluation": "transductive"}}, "conditions", "default ones in A and tra"),
        ({"dataset": {"queries": 1}}, "dataset", "test, 15 queries in A and test, 1 queries in B"),
    ],
)  # fmt: skip
def test_what_is_not_comparable_is_refused_or_labelled(
    make_record: MakeRecord, changes: dict[str, Any], kind: Any, says: str
) -> None:
    """The refusal names what differs, where, and the option; allowed, the row says it."""
    a, b = found(make_record()), found(make_record(**changes))
    with pytest.raises(UsageError) as caught:
        compare(a, b)
    assert says in str(caught.value)
    assert "m on dots 5-way 1-shot, board" in str(caught.value)
    assert f"--allow {kind}" in str(caught.value)
    (row,) = compare(a, b, allowed=[kind]).rows
    assert says in row.to_json()["differs"][kind]
    assert says in " ".join(row.remarks)


def test_a_run_and_an_estimate_differ_in_mode(make_record: MakeRecord) -> None:
    """Nothing predicted is compared with what was run unless that is asked for."""
    run = found(make_record(budget={"channels": 28}))
    with pytest.raises(UsageError, match="A is measured, B is predicted"):
        compare(run, estimated(estimate(100.0)))
    memory = only(compare(run, estimated(estimate(100.0)), allowed=["mode"]), "memory")
    assert (memory.verdict, memory.source_a, memory.source_b) == (
        "no difference shown",
        "measured",
        "predicted",
    )


def test_a_folder_elsewhere_with_the_same_images_is_the_same(make_record: MakeRecord) -> None:
    """Data is known by its content: the same images under another path are the same row."""
    a, b = (
        make_record(dataset={"label": f"folder[path={path}]", "name": "folder"})
        for path in ("here", "there")
    )
    (row,) = compare(found(a), found(b)).rows
    assert not row.pair.differs


def test_rows_of_several_budgets_find_their_own(make_record: MakeRecord) -> None:
    """Where a name stands for several rows, only those that are the same make pairs."""
    small, large, huge = (make_record(budget={"tasks": tasks}) for tasks in (10, 20, 30))
    result = compare(found(small, large), found(large, small))
    assert [row.pair.a.budget["tasks"] for row in result.rows] == [10, 20]
    others = compare(found(small, large, huge), found(large))
    assert [side.budget["tasks"] for side in others.only_a] == [10, 30]


def test_nothing_in_common_is_refused(make_record: MakeRecord) -> None:
    """Runs of different methods have no row to compare."""
    with pytest.raises(UsageError, match="nothing in common"):
        compare(found(make_record()), found(make_record(label="other")))
