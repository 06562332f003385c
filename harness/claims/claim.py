"""A claim: a TOML file with what was published, how it was counted, and what would show it.

    method = "onnas"
    statement = "On-NAS searches in a seventeenth of DARTS's memory."
    source = "Kim et al., On-NAS, SenSys '23"
    where = "table 2, miniImageNet 5-way 5-shot"
    quantity = "peak memory of DARTS's search, divided by On-NAS's"

    [published]
    value = 16.97
    unit = "times"
    relation = "at least"
    tolerance = 1.7
    counted = "the paper's MB of both, divided"

    [check]
    kind = "ratio"
    metric = "peak_memory"
    of = "darts"
    to = "onnas"

    [run]
    datasets = ["miniimagenet"]
    devices = ["jetson"]
    shots = 5
    budget = "paper"

`[run]` is a block of trials as in a suite, with one data set and one device, and without methods,
since the check names them. If that is out of reach, each `[[scaled]]` gives keys of `[run]` that
may be changed; `harness claim --run` runs the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.experiment.setting import Count
from harness.experiment.suite import SuiteEntry

__all__ = [
    "CHECKS",
    "Check",
    "Claim",
    "DifferenceCheck",
    "FitCheck",
    "GradientCheck",
    "PublishedCheck",
    "PublishedValue",
    "RatioCheck",
    "StorageCheck",
]

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class _ClaimPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PublishedValue(_ClaimPart):
    """The published number, and which numbers of ours agree with it."""

    value: float = Field(description="the number, in its unit")
    unit: str = Field(description="such as times, points, nats, MB")
    relation: Literal["at least", "at most", "about"] = Field(
        description="what the claim says of the value: a better one does not contradict it, or does"
    )
    tolerance: float = Field(ge=0, description="how far off ours may be, in the same unit")
    counted: str = Field(description="how it was counted, as far as that is said")
    digits: int = Field(default=2, ge=0, le=12, description="decimals that are shown")

    @property
    def accepted(self) -> tuple[float, float]:
        """The range in which our value agrees with the claim."""
        lowest = -inf if self.relation == "at most" else self.value - self.tolerance
        highest = inf if self.relation == "at least" else self.value + self.tolerance
        return lowest, highest


class RatioCheck(_ClaimPart):
    """One method's number divided by another's: how many times less memory, storage or time."""

    kind: Literal["ratio"] = Field(description="what kind of check this is")
    metric: Literal["peak_memory", "storage", "search_time"] = Field(description="what is divided")
    of: str = Field(description="the method above the line, as -m takes it")
    to: str = Field(description="the method below it")

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are compared."""
        return self.of, self.to


class DifferenceCheck(_ClaimPart):
    """One method's number minus another's, with the interval of the difference."""

    kind: Literal["difference"] = Field(description="what kind of check this is")
    metric: Literal["accuracy", "validation_loss"] = Field(
        description="accuracy on query images, or the lowest loss on the way of pretraining"
    )
    of: str = Field(description="the method that the claim is about, as -m takes it")
    to: str = Field(description="the method that is taken away")

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are compared."""
        return self.of, self.to


class FitCheck(_ClaimPart):
    """Which methods a device holds: the value counts the methods for which that is as published."""

    kind: Literal["fits"] = Field(description="what kind of check this is")
    fits: tuple[str, ...] = Field(default=(), description="methods that it is said to hold")
    unfit: tuple[str, ...] = Field(default=(), description="methods that it is said not to hold")

    @property
    def methods(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.fits, *self.unfit)


class GradientCheck(_ClaimPart):
    """The largest difference between two engines' gradients of a small supernet, in float64.

    It is relative, and the largest over parameters: the norm of the difference by the norm.
    """

    kind: Literal["gradients"] = Field(description="what kind of check this is")
    engine: Literal["step_by_step", "streamed"] = Field(description="compared with ordinary")
    phase_forward: Literal["stored", "repeated"] = Field(
        default="stored", description="of step_by_step: what phases start from"
    )
    micro_batches: Count = Field(default=1, description="parts whose gradients accumulate")


class StorageCheck(_ClaimPart):
    """The storage, in MiB, of the one meta cell that all cells of a space are folded into."""

    kind: Literal["storage_of_cells"] = Field(description="what kind of check this is")
    cells: Count = Field(description="of the network that is folded")
    nodes: Count = Field(description="intermediate nodes of a cell")
    channels: Count = Field(description="C, the width of a cell")


class PublishedCheck(_ClaimPart):
    """A claim that cannot be checked by what was published, or by any run; `why` says so."""

    kind: Literal["not_checkable"] = Field(description="what kind of check this is")
    reason: str = Field(description="why, in a sentence")


Check = Annotated[
    RatioCheck | DifferenceCheck | FitCheck | GradientCheck | StorageCheck | PublishedCheck,
    Field(discriminator="kind"),
]

CHECKS: Mapping[str, type[BaseModel]] = {
    "ratio": RatioCheck,
    "difference": DifferenceCheck,
    "fits": FitCheck,
    "gradients": GradientCheck,
    "storage_of_cells": StorageCheck,
    "not_checkable": PublishedCheck,
}
_OF_METHODS = (RatioCheck, DifferenceCheck, FitCheck)


class Claim(_ClaimPart):
    """One claim, as in its file."""

    method: str = Field(description="the method that it is about, as it is registered")
    statement: str = Field(description="what is claimed, in a sentence")
    source: str = Field(description="what was published, as it is to be cited")
    where: str = Field(description="table and row, figure, or the place of the sentence")
    quantity: str = Field(description="what the value is of")
    remarks: tuple[str, ...] = Field(
        default=(), description="sentences that have to stand beside any verdict"
    )
    published: PublishedValue
    check: Check
    run: SuiteEntry | None = Field(
        default=None, description="a block of trials as in a suite, without methods"
    )
    scaled: tuple[SuiteEntry, ...] = Field(
        default=(), description="what of it may be changed where it is out of reach, in this order"
    )

    @model_validator(mode="before")
    @classmethod
    def _complete_scaled(cls, given: Any) -> Any:
        """Fill in the keys that a `[[scaled]]` leaves out, from `[run]`."""
        if not isinstance(given, dict) or not isinstance(given.get("run"), dict):
            return given
        run, scaled = given["run"], given.get("scaled", ())
        changed = [{**run, **each} if isinstance(each, dict) else each for each in scaled]
        return {**given, "scaled": changed}

    @model_validator(mode="after")
    def _runs_what_it_compares(self) -> Claim:
        if self.run is None and isinstance(self.check, _OF_METHODS):
            raise ValueError(f"a check of kind '{self.check.kind}' needs the table [run]")
        for block in self.settings:
            if len(block.datasets) != 1 or len(block.devices) != 1 or block.methods is not None:
                raise ValueError(
                    "[run] and [[scaled]] have one data set and one device each, and no methods: "
                    "the check names them"
                )
        return self

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have to be run or estimated; empty if the check needs none."""
        return self.check.methods if isinstance(self.check, _OF_METHODS) else ()

    @property
    def is_of_device(self) -> bool:
        """Whether the check is about a device: a time, or whether the device holds a method."""
        is_time = isinstance(self.check, RatioCheck) and self.check.metric == "search_time"
        return is_time or isinstance(self.check, FitCheck)

    @property
    def settings(self) -> tuple[SuiteEntry, ...]:
        """The published setting, then the scaled ones that may stand for it."""
        return (*([self.run] if self.run else []), *self.scaled)
