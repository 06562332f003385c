"""The parameters of the baselines; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.fields import SEARCH_ONLY
from harness.search.parameters import (
    EngineParameters,
    MicroBatchParameters,
    PretrainingParameters,
    SearchParameters,
    Temperature,
    WeightParameters,
)

__all__ = [
    "DartsParameters",
    "MetaNasParameters",
    "PcDartsParameters",
    "ProxylessNasParameters",
    "RandomAlphaParameters",
    "RandomSearchParameters",
    "WeightsOnlyParameters",
]


class DartsParameters(EngineParameters, SearchParameters):
    """Its paper lets no temperature fall."""

    order: Literal["first", "second"] = Field(
        default="first",
        description="gradient of α at the present weights, or at weights one step ahead",
    )


class MetaNasParameters(EngineParameters, SearchParameters):
    """The falling temperature is its soft pruning."""

    final_temperature: Temperature = 0.1


class PcDartsParameters(EngineParameters, SearchParameters):
    """How much of each edge the operations see."""

    k: int = Field(
        default=4, ge=2, description="the operations of an edge see 1/k of the channels (K)"
    )


class ProxylessNasParameters(MicroBatchParameters, SearchParameters):
    """The temperature is that of the distribution which paths are drawn from."""

    inactive_path: Literal["detached", "kept"] = Field(
        default="detached",
        json_schema_extra=SEARCH_ONLY,
        description="of the two paths that update α, whether the one that is not active keeps its "
        "activations; its gate needs only its output",
    )
    derived_share: float = Field(
        default=0.0,
        json_schema_extra=SEARCH_ONLY,
        ge=0,
        le=1,
        description="share of the search steps, the last ones, in which the most likely paths "
        "train alone; a path that is drawn at random gets a seventh of the updates of w",
    )

    latency_weight: float = Field(
        default=0.0,
        ge=0,
        description="λ: what a second of predicted latency adds to the loss of α; 0 for no term",
    )


class RandomSearchParameters(WeightParameters):
    """How many architectures share the search steps."""

    candidates: int = Field(
        default=4, ge=1, description="architectures drawn; the search steps are split among them"
    )


class WeightsOnlyParameters(EngineParameters, PretrainingParameters):
    """What trains is w alone."""


class RandomAlphaParameters(WeightsOnlyParameters):
    """How far apart α and β are drawn."""

    spread: float = Field(
        default=1.0,
        gt=0,
        json_schema_extra=SEARCH_ONLY,
        description="standard deviation of α and β, which are drawn from a normal distribution",
    )
