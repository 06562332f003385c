"""Fine-tuning of a pretrained network: the control that a search has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision import models

from harness.contracts import Batch, Deployable, SearchBatch, SearchContext, StepMetrics
from harness.errors import DataError, UsageError
from harness.experiment.setting import Recipe
from harness.models.folder import read_parts, read_texts
from harness.models.model import BackboneNetwork, load_model, network_of
from harness.search.optimizers import WeightOptimizer, rate_at
from harness.search.states import misfit_of
from harness.space.architecture import BackboneArchitecture, NetworkArchitecture
from harness.space.backpropagation import BatchOutcome, judge, step_metrics
from harness.space.deployed import DeployedNetwork
from harness_baselines.parameters import TransferParameters

__all__ = ["Transfer"]

BODY_RATE = 0.1  # learning rate of what was trained before, as a share of the last layer's


class Transfer:
    """Fine-tunes a torchvision network that was trained on ImageNet; nothing is searched.

    The last layer is new, and drawn from the trial's seed. It learns alone (`tune=last`), or with
    every bias, including batch norm's shifts, or with all weights; these learn at a tenth of its
    rate. Batch norm always normalises by the statistics that were published with the weights, since
    a few images give no better ones. `channels` and the search space are not used.

    With `model`, the network of a model folder is trained further instead of torchvision's, with
    its own last layer or a new one (`new_head`).
    """

    def __init__(self, parameters: TransferParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or TransferParameters()

    def build(self, context: SearchContext) -> None:
        """Build the network with its published weights on the context's device.

        Raises:
            DataError: there are no weights, or not those of this network.
            UsageError: the model folder cannot be used, or takes other images.
        """
        given, recipe = self.parameters, context.recipe or Recipe()
        create = _published_network if given.model is None else _kept_network
        self.described, network = create(given, context)
        self.network = network.to(context.device).eval()
        self.step, self.steps, self.schedule = -1, context.steps, given.schedule_under(recipe)
        last = set(self.network.last_layer().parameters())
        for name, parameter in self.network.named_parameters():
            is_tuned = given.tune == "all" or (given.tune == "bias" and name.endswith(".bias"))
            parameter.requires_grad_(is_tuned or parameter in last)
        learning = [each for each in self.network.parameters() if each.requires_grad]
        rate = given.weight_lr or recipe.weight_lr
        groups = {
            rate: [each for each in learning if each in last],
            BODY_RATE * rate: [each for each in learning if each not in last],
        }
        self.optimizers = {
            rate: WeightOptimizer(of_rate, rate, given.optimizer)
            for rate, of_rate in groups.items()
            if of_rate
        }

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Update the weights once for each batch."""
        self.step += 1
        for rate, optimizer in self.optimizers.items():
            optimizer.lr = rate_at(self.step, self.steps, rate, self.schedule)
        return step_metrics(self._update(batch.weights) for batch in batches)

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, height, width)."""
        logits: Tensor = self.network(images)
        return logits

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return all weights and statistics: a device stores those that stay as they are, too."""
        state: Mapping[str, Tensor] = self.network.state_dict()
        return state

    def deployable(self) -> Deployable:
        """Return the network."""
        return Deployable(self.described, self.state_dict())

    def _update(self, batch: Batch) -> BatchOutcome:
        self.network.zero_grad()
        loss, outcome = judge(self.network(batch.images), batch.labels, share=1.0)
        torch.autograd.backward(loss)
        for optimizer in self.optimizers.values():
            optimizer.step()
        return outcome


Created = tuple[NetworkArchitecture, BackboneNetwork | DeployedNetwork]


def _published_network(given: TransferParameters, context: SearchContext) -> Created:
    """Return torchvision's network with its weights, and a last layer that is new."""
    described = BackboneArchitecture(
        image_shape=context.image_shape,
        classes=context.classes,
        backbone=given.backbone,
        size=given.size,
    )
    network = BackboneNetwork(described)
    if context.device.type != "meta":  # an estimate asks for shapes alone
        _load(network, given)
    return described, network


def _kept_network(given: TransferParameters, context: SearchContext) -> Created:
    """Return the network of a model folder, with its last layer or a new one.

    Raises:
        UsageError: the folder cannot be used, or its network takes other images.
    """
    folder = Path(given.model or "")
    kept, classes, _ = read_parts(folder, read_texts(folder)[1])
    if kept.image_shape != context.image_shape:
        raise UsageError(
            f"the network in '{folder}' takes images of {kept.image_shape} (channels, height, "
            f"width), not of {context.image_shape}"
        )
    described = kept.model_copy(update={"classes": context.classes})
    network = network_of(described)
    if context.device.type == "meta":  # an estimate asks for shapes alone
        return described, network
    is_new = given.new_head or context.classes != len(classes)
    last = {id(each) for each in network.last_layer().state_dict(keep_vars=True).values()}
    weights = load_model(folder).network.state_dict()
    for name, each in network.state_dict(keep_vars=True).items():
        if is_new and id(each) in last:
            weights[name] = each
    network.load_state_dict(weights)
    return described, network


def _load(network: BackboneNetwork, given: TransferParameters) -> None:
    """Load published weights, all but those of the last layer.

    Raises:
        DataError: they are not there, cannot be read, or are not those of this network.
    """
    found, wanted = _published(given), network.body.state_dict()
    new = {name for name in wanted if network.is_of_last_layer(name)}
    state = {name: each for name, each in found.items() if name not in new}
    if misfit := misfit_of(state, {name: wanted[name] for name in wanted if name not in new}):
        raise DataError(f"the weights are not those of {given.backbone}: {misfit}")
    network.body.load_state_dict({**wanted, **state})


def _published(given: TransferParameters) -> dict[str, Tensor]:
    """Read the weights; whatever the file holds, no code of it runs."""
    if given.weights is not None:
        try:
            return dict(load_file(given.weights))
        except (OSError, SafetensorError, ValueError) as error:
            raise DataError(f"'{given.weights}' holds no tensors: {error}") from None
    if not given.download and (missing := given.missing()):
        raise DataError(missing)
    weights: Any = models.get_model_weights(given.backbone).DEFAULT
    try:  # takes what is in torchvision's cache, and checks what it has to fetch
        return dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except Exception as error:  # a socket's, a disk's, or that of a file which holds code
        raise DataError(f"the weights of {given.backbone} cannot be obtained: {error}") from None
