"""The protocols of search methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    import torch

    from harness.contracts.spaces import ZeroCostScore
    from harness.experiment.budget import Budget
    from harness.experiment.setting import Recipe
    from harness.space.architecture import NetworkArchitecture
    from harness.space.genotype import Genotype
    from harness.space.spec import SearchSpace

__all__ = [
    "Adaptation",
    "Batch",
    "Deployable",
    "DeployableMethod",
    "DerivesNetwork",
    "FindsArchitecture",
    "MetaTask",
    "NeedsFiles",
    "OperationLatency",
    "PredictsTogether",
    "PretrainedMethod",
    "ReportsMetrics",
    "SearchBatch",
    "SearchContext",
    "SearchMethod",
    "StartsFromArchitecture",
    "StepMetrics",
]


class Batch(NamedTuple):
    """Images with their labels, on the trial's device."""

    images: torch.Tensor  # (N, channels, height, width), float32, standardised
    labels: torch.Tensor  # (N,), int64, in 0..ways-1


class SearchBatch(NamedTuple):
    """The batches of one pair of updates; in few-shot search, both are the same batch."""

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
    """All that a method learns about the trial before its first step."""

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
    validation: bool = False  # a search that only shows how well pretraining goes
    space: SearchSpace | None = None  # None: the few-shot space, `metanas`
    recipe: Recipe | None = None  # learning rates of the data set; None: the defaults
    batches: int = 1  # that a search step goes through
    score: ZeroCostScore | None = None  # that the method's parameter `evaluator` names, if any

    @property
    def is_counted(self) -> bool:
        """Whether memory and time are counted; where not, a method may take its fastest engine."""
        return not (self.pretraining or self.validation)


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

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, classes) for images of shape (N, channels, height, width).

        Each image is judged as it would be alone, and nothing is learned from it.
        """

    def state_dict(self) -> Mapping[str, torch.Tensor]:
        """Return every tensor that a device has to store to search; the metric `storage`.

        What `build` is handed as `initial_state` is what this returned after pretraining.
        """


@dataclass(frozen=True)
class MetaTask:
    """A task to be learned offline; the harness decides how many steps there are."""

    steps: Iterable[Iterable[SearchBatch]]  # for each inner step one pass over the task's batches
    warm_up: bool  # whether only w is to learn


class Adaptation(NamedTuple):
    """The result of learning one task."""

    parameters: Mapping[str, torch.Tensor]  # α, β and w of the task, by name; copies
    metrics: StepMetrics  # of the last inner step


@runtime_checkable
class PretrainedMethod(Protocol):
    """Optional for a search method: it can be pretrained. Random search, for one, cannot.

    A meta-epoch is `adapt` for each of its tasks, then one `meta_update`. The harness draws the
    tasks, the same for every method, and keeps what `state_dict` then returns.
    """

    def adapt(self, task: MetaTask) -> Adaptation:
        """Learn one task, starting from the meta parameters, and leave those as they were.

        The result may depend only on the meta parameters, the task and the random generators, never
        on earlier tasks, since those may have been learned in another process.
        """

    def meta_update(self, adapted: Sequence[Mapping[str, torch.Tensor]]) -> None:
        """Move the meta parameters by the parameters that each task of the meta-epoch led to."""


@runtime_checkable
class FindsArchitecture(Protocol):
    """Optional for a search method: it finds an architecture of the space.

    Every method that searches has it. A method that only trains a given network does not, and its
    records have no architecture.
    """

    def architecture(self) -> Genotype:
        """Return the discrete architecture that the search has found."""


@runtime_checkable
class NeedsFiles(Protocol):
    """Optional for a parameters model: its method needs files that may be missing.

    Without its files, a method is left out of `all`, and refused if it is named.
    """

    def missing(self) -> str:
        """Return a sentence on what is missing, and how to get it; empty if nothing is."""


@runtime_checkable
class PredictsTogether(Protocol):
    """Optional for a search method: it can be judged transductively."""

    def predict_together(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) for images that are normalised by their own statistics.

        Nothing is learned from them; predictions of single images stay what they were.
        """


@runtime_checkable
class StartsFromArchitecture(Protocol):
    """Optional for a search method: its search starts from an architecture.

    The record then has both, the one before the search and the one that was found.
    """

    def initial_architecture(self) -> Genotype:
        """Return the architecture to start from; called after `build`, before any step."""


@runtime_checkable
class ReportsMetrics(Protocol):
    """Optional for a search method: it reports metrics of its own."""

    def metrics(self) -> Mapping[str, float]:
        """Return the task's numbers, by the names given to `harness_register_metrics`.

        Called after the task's search and predictions; the metric says how tasks are aggregated.
        """


class Deployable(NamedTuple):
    """A network that can be kept: plain data from which the host builds it, and its tensors."""

    architecture: NetworkArchitecture
    tensors: Mapping[str, torch.Tensor]  # by the names of the network that is built; no copies
    micro_batches: int = 1  # parts of a batch, one after another, if it is derived and learns on


@runtime_checkable
class DeployableMethod(Protocol):
    """Optional for a search method: the network that it predicts with can be kept as files.

    The harness builds the network from the description, and checks that it predicts what the method
    predicts. A method without this protocol leaves no model.
    """

    def deployable(self) -> Deployable:
        """Return the network that `predict` runs, with its running statistics."""


@runtime_checkable
class DerivesNetwork(Protocol):
    """Optional for a search method: a smaller network can be derived from its architecture.

    The harness trains that network further, within the same budget, and keeps it instead of the
    network that the method predicts with.
    """

    def derived(self) -> Deployable:
        """Return the network of `architecture` with the weights that were learned for it."""
