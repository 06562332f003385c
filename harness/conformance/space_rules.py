"""Rules for spaces: how architectures are written, mutated and sampled, and what is built of them.

Most are for spaces whose architectures are strings (`harness.contracts.ArchitectureSpace`); one is
for spaces with a supernet (`harness.space.spec.SearchSpace`), and the last for zero-cost scores of
the networks that a space builds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch

from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule, Subject
from harness.contracts import (
    ArchitectureSpace,
    Batch,
    BuildsNetwork,
    CountsCost,
    ZeroCostScore,
)
from harness.errors import UsageError
from harness.space.backpropagation import ordinary, streamed
from harness.space.spec import METANAS, SearchSpace
from harness.space.step_by_step import step_by_step
from harness.space.supernet import Supernet

__all__ = [
    "ENCODING_ROUND_TRIPS",
    "MOVES_STAY_INSIDE",
    "NETWORK_EQUALS_ENCODING",
    "OPERATIONS_FIT_A_SUPERNET",
    "SAMPLING_COVERS",
    "SCORE_IS_A_NUMBER",
]

ARCHITECTURES = 100  # that are drawn
LEAST_SHARE = 0.4  # of an option, of what it would have if all were equally likely
DRAWS_AN_OPTION = 100
NETWORKS = 5  # that are built
IMAGE_SHAPE, CLASSES = (3, 32, 32), 10


def _space(subject: Subject) -> ArchitectureSpace:
    space: ArchitectureSpace = subject.create()
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
            raise BrokenRuleError(f"'{architecture}' was drawn, but is not in canonical form")
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


# A supernet holds every operation, and each way to compute its gradients gives the same ones.

SIDE = 9  # of small images; odd, since strides round up
CHANNELS = 4
TOLERANCE = 1e-8  # relative, in float64


def _check_supernet(subject: Subject) -> None:
    space = subject.create()
    if not space.has_supernet:
        raise NotApplicableError("it has no supernet")
    if not isinstance(space, SearchSpace):
        raise BrokenRuleError("it says that it has a supernet, but is not a SearchSpace")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        for operation in space.operations:
            _check_operation(space, operation)
        _check_gradients(space)
    finally:
        torch.set_default_dtype(before)


def _check_operation(space: SearchSpace, name: str) -> None:
    weights = []
    for stride in (1, 2):
        operation = space.build_operation(name, CHANNELS, stride)
        weights.append(list(dict(operation.named_parameters())))
        output = operation(torch.randn(2, CHANNELS, SIDE, SIDE))
        wanted = (2, CHANNELS, *[-(-SIDE // stride)] * 2)
        if output.shape != wanted:
            raise BrokenRuleError(
                f"'{name}' of stride {stride} gives {tuple(output.shape)}, and not {wanted}"
            )
    if weights[0] != weights[1] and name != "skip_connect":
        raise BrokenRuleError(f"'{name}' has weights of other names at stride 2 than at stride 1")


def _check_gradients(space: SearchSpace) -> None:
    batch = Batch(torch.randn(4, 1, SIDE, SIDE), torch.arange(4) % 3)
    torch.manual_seed(0)
    net = Supernet(1, 3, CHANNELS, space=space)
    found = []
    for engine in (ordinary, streamed, step_by_step):
        net.zero_grad()
        outcome = engine(net, batch, net.mixing())
        if not torch.isfinite(outcome.loss):
            raise BrokenRuleError(f"the loss of its supernet is {float(outcome.loss)}")
        grads = [p.grad for p in net.parameters() if p.grad is not None]
        found.append(torch.cat([each.flatten() for each in grads]))
        if found[-1].shape != found[0].shape or not torch.allclose(
            found[-1], found[0], TOLERANCE, TOLERANCE * float(found[0].abs().max())
        ):
            raise BrokenRuleError(
                f"the engine '{engine.__name__}' computes other gradients than the ordinary one; "
                "an operation must compute the same whenever it runs, and norms be "
                "harness.space.batch_norm.BatchNorm"
            )


OPERATIONS_FIT_A_SUPERNET = Rule(
    "operations-fit-a-supernet",
    "each operation keeps its shape or halves it, with weights of the same names, and all engines "
    "compute the same gradients of the supernet",
    _check_supernet,
)


# A score is a number that says the same each time, and leaves the network as it was.


def _check_score(subject: Subject) -> None:
    score: ZeroCostScore = subject.create()
    images = torch.randn(4, *IMAGE_SHAPE, generator=torch.Generator().manual_seed(0))
    labels, random = torch.arange(4), np.random.default_rng(0)
    for _ in range(NETWORKS):
        architecture = METANAS.sample(random)
        found = []
        for _ in range(2):
            torch.manual_seed(0)
            network = METANAS.network(architecture, IMAGE_SHAPE, CLASSES)
            before = [each.detach().clone() for each in network.parameters()]
            found.append(score(network, images, labels))
            after = list(network.parameters())
            same = len(before) == len(after) and all(map(torch.equal, before, after))
            if not same or any(each.grad is not None for each in after):
                raise BrokenRuleError("it changed the weights of the network, or left gradients")
        if not isinstance(found[0], float) or not found[0] < math.inf:
            raise BrokenRuleError(f"it gave {found[0]!r:.80}, which must be a float and no NaN")
        if found[0] != found[1]:
            raise BrokenRuleError(
                f"it gave {found[0]!r} and then {found[1]!r} for the same network and seed"
            )


SCORE_IS_A_NUMBER = Rule(
    "score-is-a-number",
    "a score is a number or minus infinity, the same for the same network, images and seed, and "
    "leaves the network's weights as they were",
    _check_score,
)
