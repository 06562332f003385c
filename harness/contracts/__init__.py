"""What a plugin's targets must be: a method, a data set, a device, a space, a black-box search.

The harness owns the loop. A method never fetches data, counts steps or decides when to stop: it is
handed batches and asked for one step at a time, and it never sees a query label. Nothing here
imports torch, so that a plugin's registration stays quick.
"""

from harness.contracts.datasets import (
    DataRequest,
    Dataset,
    DatasetForm,
    DatasetProvider,
    DescribedProvider,
    DescribesImages,
    Episode,
    ImageDescription,
    ImageSet,
    NamesClasses,
    Overlap,
    SplitSummary,
    TaskKind,
    TellsOverlap,
)
from harness.contracts.devices import (
    Device,
    DeviceMode,
    ReadsMetrics,
)
from harness.contracts.methods import (
    Adaptation,
    Batch,
    Deployable,
    DeployableMethod,
    DerivesNetwork,
    MetaTask,
    OperationLatency,
    PredictsTogether,
    PretrainedMethod,
    ReportsMetrics,
    SearchBatch,
    SearchContext,
    SearchMethod,
    StartsFromArchitecture,
    StepMetrics,
)
from harness.contracts.spaces import (
    ArchitectureCost,
    ArchitectureSpace,
    ArchitectureTable,
    BlackBoxSearch,
    CountsCost,
    SearchTask,
)

__all__ = [
    "Adaptation",
    "ArchitectureCost",
    "ArchitectureSpace",
    "ArchitectureTable",
    "Batch",
    "BlackBoxSearch",
    "CountsCost",
    "DataRequest",
    "Dataset",
    "DatasetForm",
    "DatasetProvider",
    "Deployable",
    "DeployableMethod",
    "DerivesNetwork",
    "DescribedProvider",
    "DescribesImages",
    "Device",
    "DeviceMode",
    "Episode",
    "ImageDescription",
    "ImageSet",
    "MetaTask",
    "NamesClasses",
    "OperationLatency",
    "Overlap",
    "PredictsTogether",
    "PretrainedMethod",
    "ReadsMetrics",
    "ReportsMetrics",
    "SearchBatch",
    "SearchContext",
    "SearchMethod",
    "SearchTask",
    "SplitSummary",
    "StartsFromArchitecture",
    "StepMetrics",
    "TaskKind",
    "TellsOverlap",
]
