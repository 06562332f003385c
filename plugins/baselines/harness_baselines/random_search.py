"""Searches without gradients of α: random search, the control of all others, and evolution.

Proposals draw architectures; evaluating them is a matter of its own: by a short training or a
zero-cost score here, by the weights of a supernet in `one_shot`; functions below choose.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import compress, count

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import (
    Batch,
    Deployable,
    SearchBatch,
    SearchContext,
    SearchMethod,
    StepMetrics,
)
from harness.experiment.setting import Recipe
from harness.search.optimizers import WeightOptimizer, rate_at
from harness.search.supernet_method import OBSERVED_BATCHES
from harness.space.backpropagation import BatchOutcome, judge, step_metrics
from harness.space.batch_norm import frozen_statistics, recalibrate
from harness.space.deployed import of_discrete
from harness.space.genotype import Genotype
from harness.space.spec import METANAS
from harness.space.supernet import DiscreteNetwork
from harness_baselines.one_shot import Mutants, OneShotSearch, Proposals
from harness_baselines.parameters import EvolutionSearchParameters, RandomSearchParameters

__all__ = ["HoldOut", "RandomSearch", "evolution", "random_search", "split"]


class HoldOut:
    """Chooses which images of the first search step are held out of training in all steps.

    In few-shot search it is the second image of each class, so that every class is trained on; with
    one shot, nothing. A batch that would be held out as a whole in the first step is trained on
    instead. Later steps have another order, and know the images again by their pixels: a batch that
    is held out as a whole there gives no update.

    A full task has a batch for each purpose already, or one for both, which is divided likewise. If
    that is augmented, no image is known again, and each step chooses anew.
    """

    def __init__(self, *, augmented: bool = False) -> None:
        """Start with no class seen."""
        self.augmented, self._is_chosen = augmented, False
        self._seen: Counter[int] = Counter()  # images of each class, while choosing
        self._chosen: Counter[bytes] = Counter()  # their digests; images may be alike

    def begin_step(self) -> None:
        """Begin a step; the choice stands after the first one with two images of a class."""
        self._is_chosen = not self.augmented and max(self._seen.values(), default=0) > 1
        if not self._is_chosen:
            self._seen.clear()
        self._missing = self._chosen.copy()  # what the step has not had yet

    def choose(self, batch: SearchBatch) -> list[bool]:
        """Tell of each image that w could learn from whether it is held out."""
        images, labels = batch.weights
        if batch.architecture is not batch.weights:
            return [False] * len(labels)
        if self._is_chosen:
            return [self._is_known(each) for each in _digests(images)]
        held = []
        for label in labels.tolist():
            self._seen[label] += 1
            held.append(self._seen[label] == 2)  # the second of its class
        if not any(held) or all(held):
            return [False] * len(held)
        if not self.augmented:
            self._chosen.update(compress(_digests(images), held))
        return held

    def _is_known(self, image: bytes) -> bool:
        is_known = self._missing[image] > 0
        self._missing[image] -= is_known
        return is_known


def _digests(images: Tensor) -> list[bytes]:
    """Return a digest of the pixels of each image of (N, channels, height, width)."""
    return [blake2b(each.tobytes(), digest_size=16).digest() for each in images.cpu().numpy()]


def split(batch: SearchBatch, held: Sequence[bool]) -> tuple[Batch | None, Batch | None]:
    """Return the images that train and those that judge, if there are any."""
    if batch.architecture is not batch.weights:
        return batch.weights, batch.architecture
    return _where(batch.weights, [not each for each in held]), _where(batch.weights, held)


def _where(batch: Batch, wanted: Sequence[bool]) -> Batch | None:
    if all(wanted) or not any(wanted):
        return batch if all(wanted) else None
    # Indices, not masks: with a mask, the shape of the result would depend on its values.
    places = batch.labels.new_tensor([*compress(count(), wanted)])
    return Batch(batch.images[places], batch.labels[places])


@dataclass
class Candidate:
    """An architecture with its network and the loss that it was judged by; lower is better."""

    genotype: Genotype
    network: DiscreteNetwork
    loss: float = math.inf


class RandomSearch:
    """Trains a few random architectures one after another, and keeps the best.

    The search steps are split evenly among the candidates, so that together they get as many
    updates of w as another method's single network; with fewer steps than candidates, each step has
    one. The learning rate follows its schedule anew over each candidate's steps. At the end of its
    last step, a candidate is judged by its mean loss on images of that step that it never trains on
    (see `HoldOut`) or, if none can be held out (one shot), by its training loss. It is judged and
    predicts with running statistics of its last weights.

    With a zero-cost score as evaluator, each of the first steps, at most half of them, scores an
    untrained candidate on the step's first batch. In the other steps the best candidate is trained,
    from new weights. So evaluations and training share one budget.
    """

    def __init__(
        self, parameters: RandomSearchParameters | None = None, proposals: Proposals | None = None
    ) -> None:
        """Take the parameters, or their defaults, and what draws architectures."""
        self.parameters = parameters or RandomSearchParameters()
        self.proposals = proposals or Proposals()

    def build(self, context: SearchContext) -> None:
        """Build the first candidate on the context's device."""
        self.context, self.space = context, context.space or METANAS
        recipe = context.recipe or Recipe()
        self.weight_lr = self.parameters.weight_lr or recipe.weight_lr
        self.schedule = self.parameters.schedule_under(recipe)
        self.hold_out = HoldOut(augmented=recipe.augmentation != "none")
        self.step, self.candidates = -1, min(self.parameters.candidates, context.steps)
        self.best: Candidate | None = None
        self.scored: list[tuple[float, Genotype]] = []  # losses, and what they are of
        self.evaluations = 0  # steps in which nothing is trained
        if self.parameters.evaluator != "training":
            self.evaluations = min(self.parameters.candidates, context.steps // 2)
            self.candidates = 1
        self._build_candidate(self._propose())

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Do one search step: for each batch an update of the present candidate's weights."""
        self.step += 1
        if self.step < self.evaluations:
            return self._evaluate(batches)
        step = self.step - self.evaluations
        if self._turn(step) != self._turn(max(step - 1, 0)):
            self._build_candidate(self._propose())
        self.optimizer.lr = self._rate(step)
        self.hold_out.begin_step()
        recent: deque[tuple[SearchBatch, list[bool]]] = deque(maxlen=OBSERVED_BATCHES)
        held_out: list[Batch] = []  # of all batches, so that candidates meet the same images

        def learn(batch: SearchBatch) -> Iterator[BatchOutcome]:
            recent.append((batch, self.hold_out.choose(batch)))
            training, judging = split(*recent[-1])
            if judging is not None and judging is not batch.architecture:
                held_out.append(judging)
            if training is not None:
                yield self._update(training)

        metrics = step_metrics(outcome for batch in batches for outcome in learn(batch))
        if self._turn(step) != self._turn(step + 1):
            parts = [split(*each) for each in recent]
            recalibrate(self.candidate.network, [each.images for each, _ in parts if each])
            judging = held_out or [part for _, part in parts if part is not None]
            self._conclude(self._mean_loss(judging) if judging else metrics["loss"])
        return metrics

    def architecture(self) -> Genotype:
        """Return the architecture of the best candidate so far."""
        return self._kept.genotype

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return the best candidate's logits (N, classes), with its running statistics."""
        logits: Tensor = self._kept.network.eval()(images)
        return logits

    @torch.no_grad()
    def predict_together(self, images: Tensor) -> Tensor:
        """Return the best candidate's logits, with the statistics of these images together."""
        network = self._kept.network
        with frozen_statistics(network):
            logits: Tensor = network.train()(images)
        return logits

    def deployable(self) -> Deployable:
        """Return the best candidate's network."""
        kept, shape = self._kept, self.context.image_shape
        return Deployable(*of_discrete(kept.network, kept.genotype, shape))

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the weights and running statistics of the best candidate."""
        state: Mapping[str, Tensor] = self._kept.network.state_dict()
        return state

    @property
    def _kept(self) -> Candidate:
        return self.best or self.candidate

    def _turn(self, step: int) -> int:
        """Return the number of the candidate that a training step belongs to."""
        return step * self.candidates // (self.context.steps - self.evaluations)

    def _rate(self, step: int) -> float:
        """Return the learning rate of a training step, by its place among its candidate's."""
        turn, steps = self._turn(step), self.context.steps - self.evaluations
        first, end = (-(-each * steps // self.candidates) for each in (turn, turn + 1))
        return rate_at(step - first, end - first, self.weight_lr, self.schedule)

    def _propose(self) -> Genotype:
        return self.proposals.next(self.space, self.context.generator)

    def _build_candidate(self, genotype: Genotype) -> None:
        context, shape = self.context, self.context.image_shape
        network = DiscreteNetwork(
            genotype, shape[0], context.classes, context.channels, space=self.space
        ).to(context.device)
        self.candidate = Candidate(genotype, network)
        rule = self.parameters.optimizer
        self.optimizer = WeightOptimizer(network.parameters(), self.weight_lr, rule)

    def _evaluate(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Score the candidate; after the last one, continue with the best."""
        metrics = step_metrics(
            self._score(batch.weights) for number, batch in enumerate(batches) if number == 0
        )
        done = self.step + 1 == self.evaluations
        self._build_candidate(
            min(self.scored, key=lambda each: each[0])[1] if done else self._propose()
        )
        return metrics

    def _score(self, batch: Batch) -> BatchOutcome:
        """Score the candidate, and return its loss and accuracy on the batch."""
        score = self.context.score
        assert score is not None  # noqa: S101 - the parameters name one
        network, genotype = self.candidate.network.train(), self.candidate.genotype
        loss = -score(network, batch.images, batch.labels)  # before running statistics move
        with torch.no_grad():
            _, outcome = judge(network.train()(batch.images), batch.labels, share=1.0)
        self.proposals.learn(genotype, loss)
        self.scored.append((loss, genotype))
        return outcome

    def _update(self, batch: Batch) -> BatchOutcome:
        network = self.candidate.network.train()
        network.zero_grad()
        loss, outcome = judge(network(batch.images), batch.labels, share=1.0)
        torch.autograd.backward(loss)
        self.optimizer.step()
        return outcome

    @torch.no_grad()
    def _mean_loss(self, batches: Sequence[Batch]) -> float:
        """Return the mean loss of predictions for the images of all batches."""
        network = self.candidate.network.eval()
        logits = torch.cat([network(images) for images, _ in batches])
        return float(cross_entropy(logits, torch.cat([labels for _, labels in batches])))

    def _conclude(self, loss: float) -> None:
        """Keep the candidate if it is the best so far."""
        self.candidate.loss = loss
        self.proposals.learn(self.candidate.genotype, loss)
        if self.best is None or loss < self.best.loss:
            self.best = self.candidate


def random_search(
    parameters: RandomSearchParameters | None = None, proposals: Proposals | None = None
) -> SearchMethod:
    """Return random search with the evaluator that its parameters name."""
    given = parameters or RandomSearchParameters()
    if given.evaluator == "weights":
        return OneShotSearch(given, proposals or Proposals())
    return RandomSearch(given, proposals)


def evolution(parameters: EvolutionSearchParameters | None = None) -> SearchMethod:
    """Return regularized evolution with the evaluator that its parameters name."""
    given = parameters or EvolutionSearchParameters()
    return random_search(given, Mutants(given.population, given.sample))
