"""The identity of a pretraining: all that the offline stage of a method depends on."""

from __future__ import annotations

import re
from typing import Any

from pydantic import NonNegativeInt

from harness.canonical import digest
from harness.experiment.setting import Count, FewShotSetting, Recipe
from harness.experiment.trial import CodeIdentity, DatasetIdentity, Identity, SpaceIdentity, Trial
from harness.space.spec import METANAS
from harness.system.text import shortened

__all__ = ["MetaBudget", "Pretraining", "meta_setting", "pretraining_of"]


class PretrainedMethodIdentity(Identity):
    """A method, with those of its parameters that pretraining depends on."""

    name: str
    version: str
    params: dict[str, Any]


class MetaBudget(Identity):
    """The part of a budget that pretraining may use, and the width that it is for."""

    meta_epochs: Count
    warmup_epochs: NonNegativeInt
    meta_tasks: Count
    meta_steps: Count
    meta_shots: Count
    meta_batch: Count
    channels: Count


class Pretraining(Identity):
    """The offline stage of one method; all trials with the same one start from its checkpoint.

    The number of shots is not among what it depends on: as in the reference configuration, tasks of
    pretraining have `meta_shots` images a class, whatever they will be searched with.
    """

    method: PretrainedMethodIdentity
    dataset: DatasetIdentity
    ways: Count
    budget: MetaBudget
    seed: int
    space: SpaceIdentity = SpaceIdentity.of(METANAS)
    recipe: Recipe = Recipe()  # its learning rates; a schedule is for a whole search
    code: CodeIdentity | None = None  # checkpoints of earlier versions do not say

    @property
    def key(self) -> str:
        """The SHA-256 of all it depends on; the data set counts by its content, not by its name."""
        unsaid = {"code"} if self.code is None else set()
        return digest(
            {
                **self.model_dump(mode="json", exclude={"dataset", *unsaid}),
                "dataset": self.dataset.fingerprint,
            }
        )

    @property
    def file_name(self) -> str:
        """A name that a person can read and that no other pretraining has."""
        return f"{self.readable_name}-{self.key[:12]}.safetensors"

    @property
    def readable_name(self) -> str:
        """The part of the name that says what it is, which others may share."""
        words = [self.method.name, self.dataset.name, f"{self.ways}w", f"s{self.seed}"]
        return shortened(re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join(words)))

    def __str__(self) -> str:
        """Say it in one line."""
        return f"pretraining {self.method.name} on {self.dataset.name} ({self.ways}-way)"

    def difference(self, other: Pretraining) -> str | None:
        """Say in words the first thing in which `other` differs; None if nothing does."""
        mine, others = self._facts(), other._facts()
        for fact, value in mine.items():
            if others.get(fact) != value:
                return f"its {fact} is {others.get(fact)}, not {value}"
        return self.difference_of_code(other)

    def difference_of_code(self, other: Pretraining) -> str | None:
        """Say in words what code has changed since `other`; None if none has."""
        if self.code == other.code:
            return None
        changed = CodeIdentity() if self.code is None else self.code
        return f"it is of other code ({changed.difference(other.code)})"

    def _facts(self) -> dict[str, Any]:
        """Return all it depends on, the most telling first."""
        method = self.method
        return {
            "method": method.name,
            "version of the method": method.version,
            **{f"parameter {key}": value for key, value in method.params.items()},
            "data set's fingerprint": self.dataset.fingerprint[:12],
            "number of ways": self.ways,
            **{f"budget's {key}": value for key, value in self.budget.model_dump().items()},
            "seed": self.seed,
            **{f"search space's {key}": value for key, value in self.space.model_dump().items()},
            **{f"recipe's {key}": value for key, value in self.recipe.model_dump().items()},
        }


def pretraining_of(trial: Trial, params: dict[str, Any]) -> Pretraining | None:
    """Return the pretraining that a trial starts from; None if its budget or protocol has none.

    A full task is searched from scratch (section 6.3); a table has nothing to learn from.

    Args:
        trial: the trial.
        params: those of its method's parameters that pretraining depends on.
    """
    setting, budget = trial.setting, trial.budget
    if setting.kind != "few-shot" or budget.meta_epochs == 0:
        return None
    return Pretraining(
        method=PretrainedMethodIdentity(
            name=trial.method.name, version=trial.method.version, params=params
        ),
        dataset=trial.dataset,
        ways=setting.ways,
        budget=MetaBudget(
            channels=budget.channels or setting.default_channels,
            **budget.model_dump(include=MetaBudget.model_fields.keys() - {"channels"}),
        ),
        seed=trial.seed,
        space=trial.space,
        recipe=Recipe(
            weight_lr=setting.recipe.weight_lr, architecture_lr=setting.recipe.architecture_lr
        ),
        code=None if trial.code is None else trial.code.of_pretraining(),
    )


def meta_setting(ways: int, meta_shots: int) -> FewShotSetting:
    """Return how the tasks of pretraining are posed; their single query image is not used."""
    return FewShotSetting(split="train", ways=ways, shots=meta_shots, queries=1)
