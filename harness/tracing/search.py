"""A search to trace: one method on one setting, and the form of its data set. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.contracts import ArchitectureSpace, ArchitectureTable, Dataset, DatasetForm
from harness.devices.profile import DeviceProfile
from harness.experiment.budget import EVALUATIONS, Budget
from harness.experiment.setting import FewShotSetting, Setting, TabularSetting
from harness.plugins.registry import Kind
from harness.runtime.determinism import is_worth_threads
from harness.space.spec import METANAS, SearchSpace

__all__ = ["Search", "form_of"]


@dataclass(frozen=True)
class Search:
    """One method on one setting, for several devices; can be sent to another process.

    Or one black-box search of a table's space that evaluates by a score.
    """

    method: str  # the name alone
    params: dict[str, Any]
    label: str  # as people write it
    dataset: str
    form: DatasetForm
    setting: Setting
    budget: Budget
    seed: int
    devices: tuple[DeviceProfile, ...]
    space: SearchSpace | ArchitectureSpace = METANAS

    def __str__(self) -> str:
        """Say which it is: onnas on omniglot (5-way 1-shot)."""
        return f"{self.label} on {self.dataset} ({self.setting})"

    @property
    def kind(self) -> Kind:
        """What the name is of."""
        return "method" if self.space.has_supernet else "search"

    @property
    def channels(self) -> int:
        """C, the width of a cell."""
        return self.budget.channels or self.setting.default_channels

    @property
    def classes(self) -> int:
        """The number of classes."""
        setting = self.setting
        return setting.ways if isinstance(setting, FewShotSetting) else self.form.classes

    @property
    def steps(self) -> int:
        """Search steps: of each task, the epochs of a full task, or the evaluations of a table."""
        if isinstance(self.setting, TabularSetting):
            return self.budget.evaluations or EVALUATIONS
        few_shot = isinstance(self.setting, FewShotSetting)
        return self.budget.search_steps if few_shot else self.budget.epochs

    @property
    def images(self) -> int:
        """Images that a search step goes through."""
        setting = self.setting
        if isinstance(setting, FewShotSetting):
            return setting.ways * setting.shots
        return self.form.training_images // (2 if self.halves else 1)

    @property
    def halves(self) -> bool:
        """Whether half of a full task's images are for α, and the other for w."""
        setting = self.setting
        return setting.kind == "full-task" and setting.recipe.architecture_images == "half"

    @property
    def pretrained(self) -> bool:
        """Whether it starts from a pretraining: a full task only where its recipe names one."""
        setting = self.setting
        if isinstance(setting, FewShotSetting):
            return self.budget.meta_epochs > 0
        return setting.kind == "full-task" and bool(setting.recipe.start)

    @property
    def uses_threads(self) -> bool:
        """Whether a processor would compute it with several threads."""
        return is_worth_threads(self.setting.batch_size, self.form.image_shape, self.channels)


def form_of(dataset: Dataset) -> DatasetForm:
    """Return the form of a prepared data set."""
    if dataset.kind == "few-shot":
        return DatasetForm("few-shot", dataset.image_shape)
    if isinstance(dataset, ArchitectureTable):
        return DatasetForm("tabular", dataset.image_shape, dataset.classes)
    train = dataset.splits["train"]
    images = len(dataset.images("train"))
    return DatasetForm("full-task", dataset.image_shape, train.classes, images)
