"""The base class of search methods on the shared supernet."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from harness.contracts import (
    Adaptation,
    Batch,
    Deployable,
    MetaTask,
    SearchBatch,
    SearchContext,
    StepMetrics,
)
from harness.experiment.setting import Recipe
from harness.search.optimizers import (
    ArchitectureOptimizer,
    WeightOptimizer,
    rate_at,
    temperature_at,
)
from harness.search.parameters import WHOLE, Parts, SearchParameters
from harness.search.states import (
    State,
    load_parameters,
    mean_of,
    meta_step,
    parameters_of,
    split_moments,
    with_prefix,
)
from harness.space.backpropagation import BatchOutcome, Engine, ordinary, split_batch, step_metrics
from harness.space.batch_norm import frozen_statistics, recalibrate
from harness.space.deployed import of_genotype, of_supernet
from harness.space.genotype import Genotype
from harness.space.merged import offline_engine
from harness.space.mixing import DropPath, Mixing, draw_drop_path
from harness.space.spec import METANAS
from harness.space.supernet import Supernet

__all__ = ["OBSERVED_BATCHES", "SupernetMethod"]

OBSERVED_BATCHES = 8  # enough for all of a few-shot task, few of a full task's


class SupernetMethod(ABC):
    """Builds the supernet, keeps its optimizers and its temperature, predicts and derives.

    A method adds the two updates. Predictions are the supernet's: the mixture of all operations at
    the temperature of the last step that was begun. The last search step ends by bringing batch
    norm's running statistics up to date, see `running_statistics`; predictions before that use the
    average over training and are poor. A method with a network or with predictions of its own
    overrides `create_network` or `prediction_mixing`.

    Pretraining is Reptile: a task is learned by the method's own updates, without that of α and β
    while warming up, and with drop path. With `optimizer_state=kept` the optimizers of a task start
    from second moments that are the mean of what the tasks of the last meta-epoch led to.

    Attributes:
        net: the supernet.
        meta: the meta parameters by name, during pretraining.
        kept: second moments by the name of their parameter; empty if none are kept.
        weight_optimizer: of w.
        architecture_optimizer: of α and β.
        step: number of the present search step, from 0; -1 before the first.
        steps: how many search steps there will be.
    """

    edge_pairs: ClassVar[bool] = True  # whether the method's space has β
    supernet: ClassVar[type[Supernet]] = Supernet  # what its network is

    def __init__(
        self, parameters: SearchParameters, parts: Parts = WHOLE, engine: Engine = ordinary
    ) -> None:
        """Take the parameters, and in which parts and by which engine a search sees a batch."""
        self.settings, self.parts, self.engine = parameters, parts, engine

    def build(self, context: SearchContext) -> None:
        """Build the supernet on the context's device, from its initial state if it has one.

        Raises:
            UsageError: the initial state is not one of this network.
        """
        net = self.create_network(context)
        self.kept: State = {}
        if context.initial_state is not None:
            parameters, self.kept = split_moments(context.initial_state)
            self.load(net, parameters)
        self.net = net.to(context.device)
        self.generator, self.steps = context.generator, context.steps
        self.image_shape = context.image_shape
        self.pretraining = offline = context.pretraining
        recipe = context.recipe or Recipe()
        # Offline, a few inner steps are not a whole search.
        self.schedule = "constant" if offline else self.settings.schedule_under(recipe)
        self.weight_lr = self.settings.weight_lr or recipe.weight_lr
        self.architecture_lr = self.settings.architecture_lr or recipe.architecture_lr
        self._begin_search()
        # Where memory does not matter, batches are whole, and the fastest engine will do.
        if context.pretraining:
            self.parts, self.meta = WHOLE, parameters_of(self.net)
        if not context.is_counted:
            self.engine = offline_engine(context.device)

    def create_network(self, context: SearchContext) -> Supernet:
        """Return the supernet with its weights drawn, still on the CPU."""
        colours, classes = context.image_shape[0], context.classes
        pairs, space = self.edge_pairs, context.space or METANAS
        return self.supernet(colours, classes, context.channels, edge_pairs=pairs, space=space)

    def load(self, net: Supernet, state: State) -> None:
        """Set α, β and w of a new supernet to those that were stored.

        Raises:
            UsageError: the state is not one of this network.
        """
        load_parameters(net, state)

    @property
    def temperature(self) -> float:
        """Temperature of the softmax over α and β in the present search step."""
        if self.warming_up:
            return 1.0
        return temperature_at(max(self.step, 0), self.steps, self.settings.final_temperature)

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Do one search step: for each batch update α and β, then w."""
        self.begin_step()
        is_last = self.step >= self.steps - 1
        recent: deque[Batch] = deque(maxlen=OBSERVED_BATCHES if is_last else 0)

        def learn(batch: SearchBatch) -> BatchOutcome:
            recent.append(batch.weights)
            return self.update(batch)

        metrics = step_metrics(learn(batch) for batch in batches)
        self._observe(recent)
        return metrics

    def update(self, batch: SearchBatch) -> BatchOutcome:
        """Update α and β on one part of a batch, then w on the other (DARTS, algorithm 1).

        Returns:
            What the update of w saw before it changed w. It comes after that of α and β, so a loss
            that these have broken shows here too.
        """
        self.update_architecture(batch.architecture)
        return self.update_weights(batch.weights)

    def adapt(self, task: MetaTask) -> Adaptation:
        """Learn a task of pretraining, starting from the meta parameters."""
        self._begin_search(warm_up=task.warm_up)
        load_parameters(self.net, self.meta)
        metrics = StepMetrics(loss=math.nan, accuracy=math.nan)
        for batches in task.steps:
            self.begin_step()
            metrics = step_metrics(self._learn_offline(batch) for batch in batches)
        return Adaptation({**parameters_of(self.net), **self.moments()}, metrics)

    def meta_update(self, adapted: Sequence[State]) -> None:
        """Move the meta parameters to the mean of what the tasks led to, as far as the rates say.

        (Nichol et al., 2018, algorithm 2.)
        """
        parameters, moments = zip(*map(split_moments, adapted), strict=True)
        self.meta = meta_step(self.meta, parameters, self.meta_rate)
        self.kept = mean_of(moments)

    def meta_rate(self, name: str) -> float:
        """Return the meta learning rate of a parameter."""
        of_architecture = name.startswith(("alpha.", "beta."))
        settings = self.settings
        return settings.meta_architecture_lr if of_architecture else settings.meta_weight_lr

    def draw_drop_path(self, images: int) -> DropPath | None:
        """Draw which operations the images of a batch meet; there is drop path offline only."""
        if not self.pretraining or self.settings.drop_path == 0:
            return None
        device, chance = self.net.head.weight.device, self.settings.drop_path
        return draw_drop_path(images, chance, self.generator, space=self.net.space, device=device)

    def begin_step(self) -> None:
        """Count a search step, set its learning rate and put the supernet in training mode."""
        self.step += 1
        self.weight_optimizer.lr = rate_at(self.step, self.steps, self.weight_lr, self.schedule)
        self.net.train()

    @abstractmethod
    def update_architecture(self, batch: Batch) -> object:
        """Update α and β once; what it returns is not used."""

    @abstractmethod
    def update_weights(self, batch: Batch) -> BatchOutcome:
        """Update w once; return what the batch showed before."""

    def initial_architecture(self) -> Genotype:
        """Return the discrete architecture of α and β as pretraining, or chance, has left them."""
        return self.net.genotype()

    def architecture(self) -> Genotype:
        """Return the discrete architecture of the present α and β."""
        return self.net.genotype()

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, H, W), each judged on its own.

        Batch norm uses its running statistics, never those of the images: a prediction must not
        depend on the other images that happen to be asked for with it.
        """
        return self._logits(images, training=False)

    @torch.no_grad()
    def predict_together(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images that batch norm normalises by their own statistics.

        This is transductive: a prediction depends on the images it is asked for with. Nothing is
        learned from them, and the running statistics stay as they are.
        """
        with frozen_statistics(self.net):
            return self._logits(images, training=True)

    def prediction_mixing(self) -> Mixing:
        """Return the weights of the operations with which the supernet predicts."""
        return self.net.mixing(self.temperature)

    def deployable(self) -> Deployable:
        """Return the supernet as it predicts."""
        return Deployable(*of_supernet(self.net, self.prediction_mixing(), self.image_shape))

    def derived(self) -> Deployable:
        """Return the network of the present architecture, with the supernet's weights."""
        found = of_genotype(self.net, self.architecture(), self.image_shape)
        return Deployable(*found, self.parts.number)

    def state_dict(self) -> State:
        """Return α, β and w, and second moments where they are kept.

        The running statistics of batch norm come with each task's images.
        """
        if self.pretraining:
            return {**self.meta, **with_prefix(self.kept)}
        return {**parameters_of(self.net), **self.moments()}

    def moments(self) -> State:
        """Return the present second moments, named as they are stored; nothing if none are kept."""
        if self.settings.optimizer_state == "fresh":
            return {}
        names = {parameter: name for name, parameter in self.net.named_parameters()}
        parameters = [*self.net.weight_parameters(), *self.net.architecture_parameters()]
        found = [*self.weight_optimizer.moments(), *self.architecture_optimizer.moments()]
        return with_prefix(
            {
                names[parameter]: torch.zeros_like(parameter) if moment is None else moment
                for parameter, moment in zip(parameters, found, strict=True)
            }
        )

    def _begin_search(self, *, warm_up: bool = False) -> None:
        """Start anew: no step done, and optimizers that have seen nothing but what was kept."""
        settings, net = self.settings, self.net
        own = None if self.pretraining else settings.search_optimizer
        rule = own or settings.optimizer
        self.weight_optimizer = WeightOptimizer(net.weight_parameters(), self.weight_lr, rule)
        architecture, decay = net.architecture_parameters(), settings.architecture_decay
        self.architecture_optimizer = ArchitectureOptimizer(
            architecture, self.architecture_lr, decay, rule
        )
        if self.kept:
            kept = {name: moment.to(net.head.weight.device) for name, moment in self.kept.items()}
            names = {parameter: name for name, parameter in net.named_parameters()}
            self.weight_optimizer.restore(kept[names[p]] for p in net.weight_parameters())
            self.architecture_optimizer.restore(kept[names[p]] for p in architecture)
        self.step, self.warming_up = -1, warm_up

    def _logits(self, images: Tensor, *, training: bool) -> Tensor:
        was_training = self.net.training
        self.net.train(training)
        try:
            logits: Tensor = self.net(images, self.prediction_mixing())
        finally:
            self.net.train(was_training)
        return logits

    def _learn_offline(self, batch: SearchBatch) -> BatchOutcome:
        return self.update_weights(batch.weights) if self.warming_up else self.update(batch)

    def _observe(self, batches: Iterable[Batch]) -> None:
        """Bring running statistics up to date, in the updates' parts, of three images or more."""
        cut = [split_batch(batch, *Parts(self.parts.number)) for batch in batches]
        images = [part.images for parts in cut for part in parts]
        recalibrate(self.net, images, lambda each: self.net(each, self.prediction_mixing()))
