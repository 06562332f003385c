"""Budgets and seeds as people type them."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.experiment.budget import NAMED_BUDGETS, Budget, parse_budget, parse_seeds
from harness.experiment.setting import parse_recipe


def test_a_name_gives_the_named_budget() -> None:
    """`quick` is the budget of that name."""
    assert parse_budget("quick") == NAMED_BUDGETS["quick"]


def test_pairs_alone_change_the_defaults() -> None:
    """`key=value` pairs without a name start from the default budget."""
    budget = parse_budget("search_steps=10,tasks=20")
    assert budget == Budget(search_steps=10, tasks=20)


def test_pairs_after_a_name_change_that_budget() -> None:
    """`quick,tasks=7` is quick but for its tasks."""
    assert parse_budget("quick, tasks=7") == NAMED_BUDGETS["quick"].model_copy(update={"tasks": 7})


def test_pretraining_may_be_left_out() -> None:
    """Meta-epochs and warm-up alone may be 0."""
    assert parse_budget("meta_epochs=0,warmup_epochs=0").meta_epochs == 0
    assert parse_budget("paper,meta_epochs=0") == parse_budget(
        "paper,meta_epochs=0,warmup_epochs=0"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("qick", "did you mean 'quick'"),
        ("search_step=3", "did you mean 'search_steps'"),
        ("tasks=0", "'tasks' is '0'; it must be an integer >= 1"),
        ("search_steps=-1", "'search_steps' is '-1'"),
        ("wall_clock_s=0", "> 0"),
        ("memory_mb=inf", "finite"),
        ("tasks=many", "'tasks' is 'many'"),
        ("meta_epochs=1,warmup_epochs=2", "are more than meta_epochs=1"),
        ("quick,tasks", "not a key=value pair"),
        ("", "is empty"),
    ],
)
def test_a_bad_budget_is_refused_by_key(text: str, says: str) -> None:
    """What is wrong with a budget is said with its key and what would be right."""
    with pytest.raises(UsageError, match="budget") as caught:
        parse_budget(text)
    assert says in str(caught.value)


@pytest.mark.parametrize("key", ["channels", "wall_clock_s", "memory_mb"])
def test_none_is_what_messages_and_show_call_it(key: str) -> None:
    """A key that may be none takes the word, and undoes what a named budget says of it."""
    assert getattr(parse_budget(f"quick,{key}=none"), key) is None
    with pytest.raises(UsageError, match=r"must be (an integer|a number) >=? \d+ or none"):
        parse_budget(f"quick,{key}=nothing")
    assert parse_recipe("batch_size=none").batch_size is None


@pytest.mark.parametrize("key", ["tasks", "search_steps", "meta_epochs"])
def test_none_is_refused_where_there_is_always_a_number(key: str) -> None:
    """The message says what the key takes, and none is not among it."""
    with pytest.raises(UsageError, match=rf"'{key}' is 'none'; it must be an integer >= \d$"):
        parse_budget(f"quick,{key}=none")


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [3]), ("0-2", [0, 1, 2]), ("4,0-1,4", [4, 0, 1]), ("7 - 7", None)]
)
def test_seeds_are_read_in_the_order_given(text: str, seeds: list[int] | None) -> None:
    """Seeds and ranges of seeds are read in order, each once."""
    if seeds is None:
        with pytest.raises(UsageError):
            parse_seeds(text)
    else:
        assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "2-0", "1.5", "-1", "0-999999"])
def test_bad_seeds_are_refused(text: str) -> None:
    """What is no seed, runs backwards or is too many is refused."""
    with pytest.raises(UsageError, match="seeds"):
        parse_seeds(text)
