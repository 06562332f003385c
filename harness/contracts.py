"""What a plugin's targets must be: a search method, a dataset provider, a device.

The harness owns the loop. A method never fetches data, counts steps or decides when to stop: it is
handed batches and asked for one step at a time, and it never sees a query label. Nothing here
imports torch, so that a plugin's registration stays quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Literal,
    NamedTuple,
    Protocol,
    TypedDict,
    runtime_checkable,
)

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from harness.devices.profile import DeviceProfile
    from harness.experiment.budget import Budget
    from harness.experiment.setting import Recipe
    from harness.space.genotype import Genotype

__all__ = [
    "Adaptation",
    "Batch",
    "DataRequest",
    "Dataset",
    "DatasetForm",
    "DatasetProvider",
    "DescribedProvider",
    "Device",
    "DeviceMode",
    "Episode",
    "ImageSet",
    "MetaTask",
    "NamesClasses",
    "OperationLatency",
    "PretrainedMethod",
    "ReadsMetrics",
    "ReportsMetrics",
    "SearchBatch",
    "SearchContext",
    "SearchMethod",
    "SplitSummary",
    "StartsFromArchitecture",
    "StepMetrics",
    "TaskKind",
]

TaskKind = Literal["few-shot", "full-task"]

DeviceMode = Literal["measured", "emulated"]


# Search methods


class Batch(NamedTuple):
    """Images with their labels, on the trial's device."""

    images: torch.Tensor  # (N, channels, height, width), float32, standardised
    labels: torch.Tensor  # (N,), int64, in 0..ways-1


class SearchBatch(NamedTuple):
    """What one pair of updates learns from; in few-shot search both are the same batch."""

    weights: Batch  # trains w
    architecture: Batch  # trains α and β


class StepMetrics(TypedDict):
    """What a search step reports: means over the step's batches, before each update."""

    loss: float
    accuracy: float  # percent, on the step's own (support) images


OperationLatency = Callable[[int, int, str], float]
"""Predicts how many seconds an operation takes on the trial's device.

Called with the number of the cell (from 0), the number of the edge at its node (0 and 1 leave the
cell's inputs, which decides the stride) and the operation's name.
"""


@dataclass(frozen=True)
class SearchContext:
    """All that a method is told about the trial before its first step."""

    image_shape: tuple[int, int, int]  # channels, height, width
    classes: int  # ways of an episode, or the classes of a full task
    channels: int  # C, the width of a cell
    budget: Budget
    steps: int  # how often `search_step` will be called
    device: torch.device
    generator: torch.Generator  # on the CPU, seeded for this trial and task
    initial_state: Mapping[str, torch.Tensor] | None = None  # what pretraining left, if any
    operation_latency: OperationLatency | None = None  # None: the device has no cost model
    pretraining: bool = False  # the offline stage: `adapt` is called, not `search_step`
    recipe: Recipe | None = None  # learning rates of the data set; None: the defaults
    batches: int = 1  # that a search step goes through


class SearchMethod(Protocol):
    """A search method: built anew for each task, then asked for one step at a time.

    The target is called with its parameters model (with nothing if it registered none). Torch's
    global generators are seeded before `build`, from the trial's seed alone, so that every method
    that builds the same space in the same order starts from the same weights.
    """

    def build(self, context: SearchContext) -> None:
        """Make the search space on `context.device`, in its initial state."""

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Do one search step, which updates α, β and w: one pass over `batches`, not a second."""

    def architecture(self) -> Genotype:
        """Return the discrete architecture that the search has arrived at."""

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, classes) for images of shape (N, channels, height, width).

        Each image is judged as it would be alone, and nothing is learned from it.
        """

    def state_dict(self) -> Mapping[str, torch.Tensor]:
        """Return every tensor that a device has to store to search; the metric `storage`.

        What `build` is handed as `initial_state` is what this returned after pretraining.
        """


# Pretraining


@dataclass(frozen=True)
class MetaTask:
    """A task to be learned offline; the harness decides how many steps there are."""

    steps: Iterable[Iterable[SearchBatch]]  # for each inner step one pass over the task's batches
    warm_up: bool  # whether only w is to learn


class Adaptation(NamedTuple):
    """Where learning one task has led to."""

    parameters: Mapping[str, torch.Tensor]  # α, β and w of the task, by name; copies
    metrics: StepMetrics  # of the last inner step


@runtime_checkable
class PretrainedMethod(Protocol):
    """What a search method has besides if it can be pretrained; random search, say, has not.

    A meta-epoch is `adapt` for each of its tasks, then one `meta_update`. The harness draws the
    tasks, the same for every method, and keeps what `state_dict` then returns.
    """

    def adapt(self, task: MetaTask) -> Adaptation:
        """Learn one task, starting from the meta parameters, and leave those as they were.

        It depends on the meta parameters, the task and the random generators alone, never on the
        tasks before: those may have been learned in another process.
        """

    def meta_update(self, adapted: Sequence[Mapping[str, torch.Tensor]]) -> None:
        """Move the meta parameters by the parameters that each task of the meta-epoch led to."""


@runtime_checkable
class StartsFromArchitecture(Protocol):
    """What a search method has besides if its search moves away from an architecture.

    A record then tells both, the one before the search and the one it has arrived at.
    """

    def initial_architecture(self) -> Genotype:
        """Return the architecture to start from; called once it is built, before any step."""


@runtime_checkable
class ReportsMetrics(Protocol):
    """What a search method has besides if it has metrics of its own."""

    def metrics(self) -> Mapping[str, float]:
        """Return its numbers of this task, by the names that `harness_register_metrics` has.

        Called once the task's search and predictions are done; the metric says how tasks are
        joined.
        """


# Data sets


@dataclass(frozen=True)
class SplitSummary:
    """How many classes a split has, and how many images its smallest class."""

    classes: int
    images_per_class: int


@dataclass(frozen=True)
class Episode:
    """One few-shot task. Images are float32 and standardised, labels int64 in 0..ways-1."""

    support_images: NDArray[np.float32]  # (ways * shots, channels, height, width)
    support_labels: NDArray[np.int64]  # (ways * shots,)
    query_images: NDArray[np.float32]  # (ways * queries, channels, height, width)
    query_labels: NDArray[np.int64]  # (ways * queries,)


class ImageSet(Protocol):
    """Labelled images that are read a batch at a time."""

    def __len__(self) -> int:
        """Return the number of images."""

    def batch(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return standardised images (N, channels, height, width) and their labels (N,)."""


class Dataset(Protocol):
    """Images that are ready to be read, the same ones in the same order on every machine."""

    fingerprint: str  # SHA-256 of the decoded images, their classes and their splits
    kind: TaskKind
    image_shape: tuple[int, int, int]  # channels, height, width
    splits: Mapping[str, SplitSummary]

    def episode(  # noqa: PLR0913 - the identity of an episode is what it is
        self, split: str, *, ways: int, shots: int, queries: int, seed: int, index: int
    ) -> Episode:
        """Return episode `index`, a pure function of the fingerprint and these arguments.

        Raises:
            UsageError: the split has too few classes, or a class too few images.
        """

    def images(self, split: str) -> ImageSet:
        """Return all images of a split of a full task (`train`, `test`).

        Raises:
            UsageError: there is no such split.
        """


@runtime_checkable
class NamesClasses(Protocol):
    """What a data set has besides if its classes have names, so that splits can be compared.

    Folders of images tell none: they may number the classes of each split from 0.
    """

    def class_names(self, split: str) -> Sequence[str]:
        """Return the names of the classes of a split; one class has one name in all splits."""


@dataclass(frozen=True)
class DataRequest:
    """Where a provider may look and write, and whom it tells."""

    data_root: Path | None  # where people keep their data sets; None: nothing was given
    cache_root: Path  # where decoded images are kept between runs
    report: Callable[[str], None]  # takes a sentence such as "decoding omniglot: 1,200 images"


class DatasetProvider(Protocol):
    """Finds, unpacks and decodes a data set; called with its parameters model."""

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the data set; quick when its decoded images are already in the cache.

        Raises:
            DataError: it is not there, unreadable, truncated or unsafe to unpack.
        """


class DatasetForm(NamedTuple):
    """What every copy of a data set has in common, and an estimate needs."""

    kind: TaskKind
    image_shape: tuple[int, int, int]  # channels, height, width
    classes: int = 0  # of a full task
    training_images: int = 0  # of a full task


@runtime_checkable
class DescribedProvider(Protocol):
    """A provider that knows its data set's form without the data; others have to prepare it."""

    def form(self) -> DatasetForm | None:
        """Return the form; None where the parameters leave it open."""


# Devices


class Device(Protocol):
    """A device that trials run on, or are emulated for; called with its parameters model.

    Most need no class of their own: `harness.devices.at_hand.ProfiledDevice` is what a TOML file
    describes.
    """

    profile: DeviceProfile

    def mode(self) -> DeviceMode:
        """Say whether this machine is the device, or could only stand in for it."""

    def torch_device(self) -> str:
        """Name the torch device on this machine that computes, such as `cpu` or `cuda:0`."""


@runtime_checkable
class ReadsMetrics(Protocol):
    """What a device has besides if it can read numbers of its own, such as a power meter's.

    It is asked only where this machine is the device.
    """

    def measuring(self) -> AbstractContextManager[None]:
        """Enclose each search step of a trial, in the process that runs it."""

    def metrics(self) -> Mapping[str, float]:
        """Return what was read over all search steps, by the names of registered metrics."""
