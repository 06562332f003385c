"""Finds search spaces and zero-cost scores by name, and decides what can search a space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.contracts import CountsCost
from harness.errors import PluginError, UnknownNameError, UsageError
from harness.plugins.loading import Plugins
from harness.plugins.registry import Entry, Kind
from harness.plugins.selection import Selection, parse, select
from harness.search.parameters import EvaluatorParameters
from harness.space.spec import CELL_KINDS, SPACES, SearchSpace

if TYPE_CHECKING:
    from harness.contracts import ArchitectureSpace, ZeroCostScore
    from harness.experiment.trial import SpaceIdentity

__all__ = [
    "CONTROLS",
    "check_evaluators",
    "evaluating_score",
    "find_score",
    "find_space",
    "planned_space",
    "score_of",
    "searched_by",
    "space_counts",
    "space_entry",
    "supernet_space",
]

CONTROLS = ("flops", "parameters")  # scores that a space can count by itself, without images
OWN_EVALUATORS = {"training", "weights", "table"}  # every other evaluator is a score


def find_space(plugins: Plugins, name: str) -> SearchSpace | ArchitectureSpace:
    """Return the space of a name.

    Raises:
        UnknownNameError: there is none; the message has the nearest name.
        PluginError: several plugins claim it, or it cannot be imported.
    """
    if name in SPACES:
        return SPACES[name]
    if not plugins.registry.knows("space", name):
        raise UnknownNameError("search space", name, {*SPACES, *plugins.registry.names("space")})
    space: SearchSpace | ArchitectureSpace = select(plugins, "space", name)[0].create()
    if space.has_supernet:
        _check_supernet(space, name)
    return space


def find_score(plugins: Plugins, name: str) -> ZeroCostScore:
    """Return the zero-cost score of a name; it is imported, and with it torch.

    Raises:
        UnknownNameError: there is none; the message has the nearest name.
        PluginError: several plugins claim it, or it cannot be imported.
    """
    score: ZeroCostScore = select(plugins, "score", name)[0].create()
    return score


def _check_supernet(space: SearchSpace | ArchitectureSpace, name: str) -> None:
    """Raise a PluginError if a plugin's space says that it has a supernet, and gives none."""
    if not isinstance(space, SearchSpace):
        raise PluginError(
            f"the space '{name}' says that it has a supernet, and is no "
            "harness.space.spec.SearchSpace, of which one is built"
        )
    if set(space.cells) != set(CELL_KINDS) or space.name != name:
        raise PluginError(
            f"the space '{name}' must have normal and reduction cells, and its name; it is "
            f"'{space.name}' with {', '.join(space.cells) or 'no'} cells"
        )


def supernet_space(plugins: Plugins, name: str, what: str) -> SearchSpace:
    """Return the space of a name, which `what` needs to have a supernet.

    Raises:
        UnknownNameError: there is no such space.
        UsageError: it has no supernet.
    """
    space = find_space(plugins, name)
    if not isinstance(space, SearchSpace):
        raise UsageError(f"the space '{name}' has no supernet, which {what} needs")
    return space


def planned_space(plugins: Plugins, identity: SpaceIdentity) -> SearchSpace:
    """Return the space that a supernet was planned for, as this code has it.

    Raises:
        UsageError: there is none, or it has changed since.
    """
    space = supernet_space(plugins, identity.name, "training")
    if type(identity).of(space) != identity:
        raise UsageError(f"the search space '{identity.name}' has changed since this was planned")
    return space


def searched_by(plugins: Plugins, space: SearchSpace | ArchitectureSpace, texts: list[str]) -> Kind:
    """Say which kind of names searches a space: methods that train it, or black-box searches.

    Args:
        plugins: where names are looked up.
        space: what is to be searched.
        texts: what is to search it, each with its parameters.

    Raises:
        UsageError: one of them does not fit the space.
    """
    kind: Kind = "method" if space.has_supernet else "search"
    other: Kind = "search" if space.has_supernet else "method"
    knows = plugins.registry.knows
    for name in (parse(text)[0] for text in texts):
        if knows(other, name) and not knows(kind, name):
            why = (
                "it asks a table for accuracies, but that space is trained; name one with a table"
                if space.has_supernet
                else "it trains a supernet, which that space does not have; what fits: "
                + ", ".join(plugins.registry.names("search"))
            )
            raise UsageError(f"{other} '{name}' does not fit the space '{space.name}': {why}")
    return kind


def check_evaluators(
    plugins: Plugins, space: SearchSpace | ArchitectureSpace, selections: Sequence[Selection]
) -> None:
    """Check that the evaluators of searches exist, and fit the space.

    Raises:
        UsageError: one does not exist, or does not fit.
    """
    own = ("training", "weights") if space.has_supernet else ("table",)
    scores = plugins.registry.names("score")
    for each in selections:
        if not isinstance(each.parameters, EvaluatorParameters):
            continue
        evaluator = each.parameters.evaluator
        if evaluator in OWN_EVALUATORS.difference(own):
            raise UsageError(
                f"{each.kind} '{each.label}' cannot evaluate architectures of the space "
                f"'{space.name}' by {evaluator}; it can by {', '.join([*own, *scores])}"
            )
        if evaluator not in own and evaluator not in scores:
            raise UnknownNameError("evaluator", evaluator, [*own, *scores])


def score_of(plugins: Plugins, selection: Selection) -> Entry | None:
    """Return the zero-cost score that a search evaluates by; None if it is something else."""
    given = selection.parameters
    if not isinstance(given, EvaluatorParameters) or given.evaluator in OWN_EVALUATORS:
        return None
    return plugins.registry.get("score", given.evaluator)


def evaluating_score(plugins: Plugins, selection: Selection) -> ZeroCostScore | None:
    """Return the function of the score that a search evaluates by; None if it has another way."""
    entry = score_of(plugins, selection)
    return None if entry is None else find_score(plugins, entry.name)


def space_counts(space: SearchSpace | ArchitectureSpace, evaluator: str) -> bool:
    """Say whether a space itself tells a score, so that no network is built for it."""
    return evaluator in CONTROLS and isinstance(space, CountsCost)


def space_entry(plugins: Plugins, name: str) -> Entry | None:
    """Return a space's entry; None for a space of the harness itself, which no plugin registers."""
    registry = plugins.registry
    return registry.get("space", name) if registry.knows("space", name) else None
