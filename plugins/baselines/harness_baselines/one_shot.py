"""What draws architectures, and one-shot search: it evaluates them by weights that all share."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from harness.contracts import Batch, SearchBatch, SearchContext, StepMetrics
from harness.search.parameters import SearchParameters, WeightParameters
from harness.search.supernet_method import OBSERVED_BATCHES
from harness.space.backpropagation import BatchOutcome, judge, step_metrics
from harness.space.batch_norm import frozen_statistics
from harness.space.genotype import Edge, Genotype
from harness.space.mixing import Mixing, NodeMixing
from harness.space.spec import CELL_KINDS, METANAS, SearchSpace, edge_count, edge_pairs
from harness_baselines.parameters import RandomSearchParameters
from harness_baselines.paths import PathMethod

__all__ = [
    "Mutants",
    "OneShotSearch",
    "Proposals",
    "architecture_mixing",
    "random_genotype",
]


class Proposals:
    """Draws architectures at random, independent of how good earlier ones were."""

    def next(self, space: SearchSpace, generator: torch.Generator) -> Genotype:
        """Return the architecture to evaluate next."""
        return random_genotype(generator, space)

    def learn(self, genotype: Genotype, loss: float) -> None:
        """Learn how good an architecture is: the lower the loss, the better."""


class Mutants(Proposals):
    """Regularized evolution (Real et al., 2019, algorithm 1).

    The first ones are drawn at random. Then a few are drawn from the population, the best of them
    is mutated, and the child replaces the oldest.
    """

    def __init__(self, population: int, sample: int) -> None:
        """Start with an empty population."""
        self.size, self.sample = population, sample
        self.population: deque[tuple[Genotype, float]] = deque(maxlen=population)

    def next(self, space: SearchSpace, generator: torch.Generator) -> Genotype:
        """Return a random architecture until the population is full; then a child."""
        if len(self.population) < self.size:
            return super().next(space, generator)
        drawn = torch.randperm(len(self.population), generator=generator)[: self.sample]
        parent, _ = min((self.population[i] for i in drawn.tolist()), key=lambda each: each[1])
        seed = int(torch.randint(2**31, (), generator=generator))
        return space.genotype(space.mutate(parent.to_json(), np.random.default_rng(seed)))

    def learn(self, genotype: Genotype, loss: float) -> None:
        """Add it to the population, and drop the oldest if the population is full."""
        self.population.append((genotype, loss))


class OneShotSearch(PathMethod):
    """Evaluates architectures by the weights of a supernet (Guo et al., ECCV 2020).

    Each update trains one architecture, drawn uniformly, in the weights that all share. Then each
    of the last search steps, at most half of them, evaluates a candidate by its loss on the step's
    images, with the statistics of each batch and without gradients. In a full task, w does not
    learn from these images. The best candidate predicts with the shared weights; α stays as it was
    drawn, and has no meaning. Pretraining also trains drawn architectures, by Reptile as for other
    methods, and with the same defaults.
    """

    def __init__(self, parameters: RandomSearchParameters, proposals: Proposals) -> None:
        """Take the parameters, and what draws the candidates."""
        self.parameters, self.proposals = parameters, proposals
        given = parameters.model_dump(include=set(WeightParameters.model_fields))
        super().__init__(SearchParameters(**given))

    def build(self, context: SearchContext) -> None:
        """Build the supernet, from its initial state if it has one, and draw a first candidate."""
        super().build(context)
        self.evaluations = min(self.parameters.candidates, context.steps // 2)
        self.first = self.found = self._propose()
        self.least, self.evaluated = math.inf, 0

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Do one search step: train drawn architectures, or evaluate a candidate."""
        if self.step + 1 < self.steps - self.evaluations:
            return super().search_step(batches)
        self.begin_step()
        recent: deque[Batch] = deque(maxlen=OBSERVED_BATCHES)
        candidate = self._propose() if self.evaluated else self.first

        def evaluate(batch: SearchBatch) -> BatchOutcome:
            recent.append(batch.weights)
            return self._evaluate(candidate, batch.architecture)

        metrics = step_metrics(evaluate(batch) for batch in batches)
        self._conclude(candidate, metrics["loss"])
        if self.step >= self.steps - 1:
            self._observe(recent)
        return metrics

    def update_architecture(self, batch: Batch) -> None:
        """Do nothing: α is not used."""

    def update_weights(self, batch: Batch) -> BatchOutcome:
        """Update the weights of an architecture that is drawn uniformly."""
        drawn = Proposals().next(self.net.space, self.generator)
        self.net.zero_grad()
        outcome = self.add_gradients(batch, lambda: self._mixing(drawn))
        self.weight_optimizer.step()  # weights of what was not drawn have no gradient
        return outcome

    def initial_architecture(self) -> Genotype:
        """Return the first candidate."""
        return self.first

    def architecture(self) -> Genotype:
        """Return the best candidate so far."""
        return self.found

    def prediction_mixing(self) -> Mixing:
        """Return the operations of the best candidate."""
        return self._mixing(self.found)

    @torch.no_grad()
    def _evaluate(self, candidate: Genotype, batch: Batch) -> BatchOutcome:
        with frozen_statistics(self.net):
            logits = self.net(batch.images, self._mixing(candidate))
        return judge(logits, batch.labels, share=1.0)[1]

    def _conclude(self, candidate: Genotype, loss: float) -> None:
        self.evaluated += 1
        self.proposals.learn(candidate, loss)
        if loss < self.least:
            self.least, self.found = loss, candidate

    def _propose(self) -> Genotype:
        return self.proposals.next(self.net.space, self.generator)

    def _mixing(self, genotype: Genotype) -> Mixing:
        return architecture_mixing(genotype, self.net.space, self.net.head.weight)


def architecture_mixing(genotype: Genotype, space: SearchSpace, like: Tensor) -> Mixing:
    """Return weights of 1 for the operations of an architecture; no others are run.

    Args:
        genotype: the architecture.
        space: its search space.
        like: a tensor of the device and type that the weights shall have.
    """

    def of_node(number: int, node: Sequence[Edge]) -> NodeMixing:
        chosen = {edge.input: edge.operation for edge in node}
        rows = [
            [chosen.get(edge) == name for name in space.operations]
            for edge in range(edge_count(number))
        ]
        return NodeMixing(torch.tensor(rows).to(like), rows)

    kinds = {
        kind: tuple(of_node(*each) for each in enumerate(getattr(genotype, kind)))
        for kind in CELL_KINDS
    }
    return Mixing(tuple(kinds[kind] for kind in space.cells))


def random_genotype(generator: torch.Generator, space: SearchSpace = METANAS) -> Genotype:
    """Draw an architecture: at each node a pair of edges, on each of them an operation.

    Every architecture of the space is equally likely.
    """

    operations = [space.operations[column] for column in space.derived]

    def draw(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    def draw_node(node: int) -> tuple[Edge, Edge]:
        pairs = edge_pairs(node)
        first, second = pairs[draw(len(pairs))]
        return (
            Edge(first, operations[draw(len(operations))]),
            Edge(second, operations[draw(len(operations))]),
        )

    cells = {kind: tuple(draw_node(node) for node in range(space.nodes)) for kind in CELL_KINDS}
    return Genotype(normal=cells["normal"], reduction=cells["reduction"])
