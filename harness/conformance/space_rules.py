"""Rules for spaces: how architectures are written, moved and drawn, and what is built of them.

They are for spaces of strings (`harness.contracts.ArchitectureSpace`). One that has a supernet is
searched by methods, whose rules hold it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule, Subject
from harness.contracts import ArchitectureSpace, BuildsNetwork, CountsCost
from harness.errors import UsageError

__all__ = [
    "ENCODING_ROUND_TRIPS",
    "MOVES_STAY_INSIDE",
    "NETWORK_EQUALS_ENCODING",
    "SAMPLING_COVERS",
]

ARCHITECTURES = 100  # that are drawn
LEAST_SHARE = 0.4  # of an option, of what it would have if all were equally likely
DRAWS_AN_OPTION = 100
NETWORKS = 5  # that are built
IMAGE_SHAPE, CLASSES = (3, 32, 32), 10


def _space(subject: Subject) -> ArchitectureSpace:
    """Make the space.

    Raises:
        NotApplicableError: it has a supernet, so that its architectures are no strings.
    """
    space: ArchitectureSpace = subject.create()
    if space.has_supernet:
        raise NotApplicableError("it has a supernet, which the rules for methods hold")
    return space


def _drawn(space: ArchitectureSpace, count: int = ARCHITECTURES) -> list[str]:
    random = np.random.default_rng(0)
    return [space.sample(random) for _ in range(count)]


# An architecture is one string, one sequence of decisions, one vector.


def _check_encoding(subject: Subject) -> None:
    space = _space(subject)
    vectors: dict[bytes, str] = {}
    for architecture in _drawn(space):
        if space.check(architecture) != architecture:
            raise BrokenRuleError(f"'{architecture}' was drawn, and is not in canonical form")
        decisions = space.decisions(architecture)
        if space.architecture(decisions) != architecture:
            raise BrokenRuleError(f"the decisions {decisions} of '{architecture}' are another's")
        pairs = list(zip(decisions, space.options, strict=True))
        if not all(0 <= decision < options for decision, options in pairs):
            raise BrokenRuleError(f"a decision of {decisions} is none of its {space.options}")
        vector = space.vector(architecture)
        if vector.shape != (sum(space.options),):
            raise BrokenRuleError(f"a vector is {vector.shape}, and not ({sum(space.options)},)")
        if vectors.setdefault(vector.tobytes(), architecture) != architecture:
            raise BrokenRuleError(f"'{architecture}' has the vector of another architecture")
    try:
        space.check("no architecture at all")
    except UsageError:
        return
    raise BrokenRuleError("it takes 'no architecture at all' for one of its architectures")


ENCODING_ROUND_TRIPS = Rule(
    "encoding-round-trips",
    "string, decisions and vector tell the same architecture and no other, what is drawn is in "
    "canonical form, and what is no architecture is refused with a UsageError",
    _check_encoding,
)


# Searches move by mutations, crosses and neighbours.


def _check_moves(subject: Subject) -> None:
    space, random = _space(subject), np.random.default_rng(1)
    drawn = _drawn(space)
    for one, other in zip(drawn, reversed(drawn), strict=True):
        mutated = space.mutate(one, random)
        _check_distance(space, one, [mutated], "a mutation")
        child = space.decisions(space.check(space.cross(one, other, random)))
        parents = zip(space.decisions(one), space.decisions(other), strict=True)
        if not all(each in pair for each, pair in zip(child, parents, strict=True)):
            raise BrokenRuleError(f"a cross of '{one}' and '{other}' has what neither has")
    neighbours = space.neighbours(drawn[0])
    _check_distance(space, drawn[0], neighbours, "a neighbour")
    wanted = sum(options - 1 for options in space.options)
    if len(set(neighbours)) != wanted or list(neighbours) != list(space.neighbours(drawn[0])):
        raise BrokenRuleError(
            f"'{drawn[0]}' has {len(set(neighbours))} different neighbours, and not the same "
            f"{wanted} each time"
        )


def _check_distance(space: ArchitectureSpace, one: str, others: Iterable[str], what: str) -> None:
    """Check that architectures are of the space, and differ in exactly one decision."""
    for other in others:
        pairs = zip(space.decisions(one), space.decisions(space.check(other)), strict=True)
        if (apart := sum(a != b for a, b in pairs)) != 1:
            raise BrokenRuleError(f"{what} of '{one}' differs in {apart} decisions: '{other}'")


MOVES_STAY_INSIDE = Rule(
    "moves-stay-inside",
    "a mutation and a neighbour are architectures that differ in one decision, all neighbours are "
    "listed in a fixed order, and a cross has each decision from one of its parents",
    _check_moves,
)


# What is drawn covers the space, and its generator alone says what is drawn.


def _check_sampling(subject: Subject) -> None:
    space = _space(subject)
    count = DRAWS_AN_OPTION * max(space.options)
    drawn = _drawn(space, count)
    if drawn != _drawn(space, count):
        raise BrokenRuleError("the same generator draws other architectures the second time")
    decisions = np.array([space.decisions(each) for each in drawn])
    for place, options in enumerate(space.options):
        shares = np.bincount(decisions[:, place], minlength=options) / count
        if shares.min() < LEAST_SHARE / options:
            raise BrokenRuleError(
                f"decision {place} takes option {shares.argmin()} in {shares.min():.1%} of "
                f"{count} draws, and each of {options} should be as likely"
            )


SAMPLING_COVERS = Rule(
    "sampling-covers",
    "every option of every decision is drawn, none much less often than others, and the generator "
    "alone says what is drawn",
    _check_sampling,
)


# What is built is what the encoding says.


def _check_network(subject: Subject) -> None:
    space = _space(subject)
    if not isinstance(space, BuildsNetwork):
        raise NotApplicableError("it builds no networks")
    images = torch.randn(2, *IMAGE_SHAPE, generator=torch.Generator().manual_seed(0))
    for architecture in _drawn(space, NETWORKS):
        network, again = (space.network(architecture, IMAGE_SHAPE, CLASSES) for _ in range(2))
        shapes = [[each.shape for each in made.parameters()] for made in (network, again)]
        if shapes[0] != shapes[1]:
            raise BrokenRuleError(f"'{architecture}' is another network when built again")
        logits = network(images)
        if logits.shape != (len(images), CLASSES) or not torch.isfinite(logits).all():
            raise BrokenRuleError(f"'{architecture}' has logits {tuple(logits.shape)}")
        built = sum(each.numel() for each in network.parameters())
        if isinstance(space, CountsCost):
            counted = space.cost(architecture, IMAGE_SHAPE, CLASSES).parameters
            if counted != built:
                raise BrokenRuleError(
                    f"'{architecture}' has {built:,} parameters, and its encoding counts "
                    f"{counted:,}"
                )


NETWORK_EQUALS_ENCODING = Rule(
    "network-equals-encoding",
    "an architecture builds the same network each time, from images to finite logits, with the "
    "parameters that its encoding counts",
    _check_network,
)
