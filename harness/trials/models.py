"""What a trial leaves beside its record: its network, if asked for, and a few judged images."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.contracts import (
    Dataset,
    Deployable,
    DeployableMethod,
    DescribesImages,
    ImageDescription,
    SearchMethod,
)
from harness.errors import UsageError
from harness.experiment.outcome import JudgedImage
from harness.loop.guards import status_of
from harness.models.folder import ModelError, Preparation, pack_model, publish
from harness.models.model import network_of
from harness.plugins.loading import in_one_line
from harness.trials.session import Session

__all__ = ["MOST_EXAMPLES", "built_network", "keep_examples", "keep_model"]

MOST_EXAMPLES = 8
ALIKE = 1e-3  # largest difference of logits, relative to the largest; summation orders may differ


def built_network(model: Deployable) -> nn.Module:
    """Build the network that a method describes, with its tensors, on the CPU."""
    network = network_of(model.architecture)
    network.load_state_dict(dict(model.tensors))
    return network


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
    try:
        difference = _difference(model, method, torch.from_numpy(images).to(session.device))
    except (RuntimeError, MemoryError) as error:
        # It is a second network beside the method's own, which the device need not have room for.
        no_room = status_of(error, budget_binds=False) == "out_of_memory"
        said = "there was no room to check the model" if no_room else "the model cannot be run"
        session.no_model = f"{said}: {in_one_line(error)}"
        return
    if not difference <= ALIKE:
        session.no_model = (
            f"method {session.trial.method.name} has no model to give: what its `deployable` "
            f"describes predicts something else (logits differ by {difference:.2g} of the largest)"
        )
        return
    classes = description.classes or _numbered(model.architecture.classes)
    preparing = _preparing(model.architecture.image_shape, description)
    try:
        packed = pack_model(model.architecture, model.tensors, classes, preparing)
        publish(session.model_path, packed)
    except ModelError as error:
        session.no_model = f"the model could not be kept: {error}"


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


@torch.no_grad()
def _difference(model: Deployable, method: SearchMethod, images: Tensor) -> float:
    """Return how far the network's logits are from the method's, relative to the largest."""
    network = built_network(model).to(images.device).eval()
    expected = method.predict(images)
    return float((network(images) - expected).abs().max() / expected.abs().max().clamp(min=1e-6))
