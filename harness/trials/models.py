"""What a trial leaves beside its record: its network, if asked for, and a few judged images.

And the last epochs of a full task, in which the derived network learns alone (`Finishing`).
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.contracts import (
    Batch,
    Dataset,
    Deployable,
    DeployableMethod,
    DescribesImages,
    ImageDescription,
    SearchBatch,
    SearchContext,
    SearchMethod,
    StepMetrics,
)
from harness.errors import UsageError
from harness.experiment.outcome import JudgedImage
from harness.experiment.setting import Recipe
from harness.models.folder import Preparation, pack_model, publish
from harness.models.model import network_of
from harness.search.optimizers import WeightOptimizer, rate_at
from harness.search.parameters import Parts
from harness.search.supernet_method import OBSERVED_BATCHES
from harness.space.backpropagation import BatchOutcome, judge, recomputed, split_batch, step_metrics
from harness.space.batch_norm import recalibrate
from harness.space.deployed import DeployedNetwork
from harness.trials.session import Session

__all__ = ["MOST_EXAMPLES", "Finishing", "keep_examples", "keep_model"]

MOST_EXAMPLES = 8
ALIKE = 1e-3  # largest difference of logits, relative to the largest; summation orders may differ


class Finishing(SearchMethod):
    """Trains the weights of a derived network, whose architecture stays as it is.

    To the harness it is a method like any other, so that the same clocks, limits and counts apply.
    The learning rate of w falls by half a cosine over its epochs. Gradients are exact; they take
    the memory of one operation's activations, for as many images at a time as in the search.
    """

    def __init__(self, model: Deployable, context: SearchContext) -> None:
        """Build the network on the context's device; the context says how many epochs there are."""
        self.model, self.steps, self.step = model, context.steps, -1
        self.parts = Parts(model.micro_batches)
        self.network = _built(model).to(context.device)
        if isinstance(self.network, DeployedNetwork):
            self.network.run_by(recomputed)
        self.lr = (context.recipe or Recipe()).weight_lr
        self.optimizer = WeightOptimizer(self.network.parameters(), self.lr)

    def build(self, context: SearchContext) -> None:
        """Do nothing: the network was built at the start."""

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Update the weights once for each batch, those of both halves of a full task."""
        self.step += 1
        self.optimizer.lr = rate_at(self.step, self.steps, self.lr, "cosine")
        self.network.train()
        recent: deque[Batch] = deque(maxlen=OBSERVED_BATCHES)

        def learn(batch: Batch) -> BatchOutcome:
            recent.append(batch)
            self.network.zero_grad()
            images = len(batch.labels)
            outcomes = [self._pass(each, images) for each in split_batch(batch, *self.parts)]
            self.optimizer.step()
            return sum(outcomes[1:], start=outcomes[0])

        metrics = step_metrics(learn(each) for batch in batches for each in _different(batch))
        self.network.zero_grad()
        seen = [part.images for batch in recent for part in split_batch(batch, *self.parts)]
        recalibrate(self.network, seen)
        return metrics

    def _pass(self, part: Batch, images: int) -> BatchOutcome:
        """Add the gradients of a part of a batch of so many images."""
        share = len(part.labels) / images
        loss, outcome = judge(self.network(part.images), part.labels, share)
        torch.autograd.backward(loss)
        return outcome

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, height, width)."""
        logits: Tensor = self.network.eval()(images)
        return logits

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the network's tensors."""
        state: Mapping[str, Tensor] = self.network.state_dict()
        return state

    def deployable(self) -> Deployable:
        """Return the network."""
        return self.model._replace(tensors=self.state_dict())


def keep_model(
    session: Session, method: SearchMethod, dataset: Dataset, images: NDArray[np.float32]
) -> None:
    """Keep the network that a method predicts with in the session's model folder, if it has one.

    Where that is not possible, the trial still ends well, and its record says why.

    Args:
        session: of the trial, which is done.
        method: one that has finished its search.
        dataset: says how images are prepared.
        images: a few that nothing was learned from, (N, channels, height, width); the network must
            predict for them what the method predicts.
    """
    if session.model_path is None:
        return
    session.stage = "end"
    if not isinstance(method, DeployableMethod):
        session.no_model = (
            f"method {session.trial.method.name} has no model to give: it lacks `deployable` "
            "(harness.contracts.DeployableMethod)"
        )
        return
    if not isinstance(dataset, DescribesImages):
        session.no_model = (
            f"data set {session.trial.dataset.name} does not tell how its images are prepared "
            "(harness.contracts.DescribesImages)"
        )
        return
    try:
        model, description = method.deployable(), dataset.description()
    except UsageError as error:
        session.no_model = f"method {session.trial.method.name} has no model to give: {error}"
        return
    difference = _difference(model, method, torch.from_numpy(images).to(session.device))
    if not difference <= ALIKE:
        session.no_model = (
            f"method {session.trial.method.name} has no model to give: what its `deployable` "
            f"describes predicts something else (logits differ by {difference:.2g} of the largest)"
        )
        return
    classes = description.classes or _numbered(model.architecture.classes)
    preparing = _preparing(model.architecture.image_shape, description)
    publish(session.model_path, pack_model(model.architecture, model.tensors, classes, preparing))


def keep_examples(
    session: Session,
    dataset: Dataset,
    images: NDArray[np.float32],
    answers: Sequence[tuple[int, int]],
) -> None:
    """Keep a few query images with their labels and predictions, if they may be shown.

    Args:
        session: of the trial.
        dataset: says how pixels were standardised; nothing is kept where it does not.
        images: (N, channels, height, width), standardised.
        answers: of each image the label, and the one that was predicted.
    """
    if not session.shows_images or not isinstance(dataset, DescribesImages):
        return
    description = dataset.description()
    classes = description.classes
    mean, deviation = (
        np.asarray(values, dtype=np.float32)[:, None, None]
        for values in (description.mean, description.deviation)
    )
    for image, told in zip(images, answers, strict=True):
        pixels = np.clip(np.rint(image * deviation + mean), 0, 255).astype(np.uint8)
        label, predicted = (classes[each] if classes else f"class {each}" for each in told)
        shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        text = b64encode(pixels.tobytes()).decode("ascii")
        session.examples.append(
            JudgedImage(shape=shape, pixels=text, label=label, predicted=predicted)
        )


def _preparing(shape: tuple[int, int, int], description: ImageDescription) -> Preparation:
    channels, size, _ = shape
    return Preparation(
        size=size,
        mode="gray" if channels == 1 else "rgb",
        mean=description.mean,
        deviation=description.deviation,
    )


def _numbered(classes: int) -> tuple[str, ...]:
    """Name classes that have no names, as those of an episode have none."""
    return tuple(f"class {number}" for number in range(classes))


def _different(batch: SearchBatch) -> list[Batch]:
    same = batch.weights is batch.architecture
    return [batch.weights] if same else [batch.weights, batch.architecture]


def _built(model: Deployable) -> nn.Module:
    network = network_of(model.architecture)
    network.load_state_dict(dict(model.tensors))
    return network


@torch.no_grad()
def _difference(model: Deployable, method: SearchMethod, images: Tensor) -> float:
    """Return how far the network's logits are from the method's, relative to the largest."""
    network = _built(model).to(images.device).eval()
    expected = method.predict(images)
    return float((network(images) - expected).abs().max() / expected.abs().max().clamp(min=1e-6))
