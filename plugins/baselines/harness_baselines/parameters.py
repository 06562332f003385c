"""The parameters of the baselines; imports no torch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.fields import SEARCH_ONLY
from harness.search.parameters import (
    EngineParameters,
    MicroBatchParameters,
    PretrainingParameters,
    SearchParameters,
    Temperature,
    TrainingEvaluator,
    WeightParameters,
)
from harness.space.architecture import BackboneName

__all__ = [
    "BiasOnlyParameters",
    "DartsMinusParameters",
    "DartsParameters",
    "DrNasParameters",
    "EvolutionSearchParameters",
    "FairDartsParameters",
    "GdasParameters",
    "LastLayerParameters",
    "MetaNasParameters",
    "PcDartsParameters",
    "ProxylessNasParameters",
    "RandomAlphaParameters",
    "RandomSearchParameters",
    "SparseUpdateParameters",
    "TransferParameters",
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


class GdasParameters(MicroBatchParameters, SearchParameters):
    """The temperature is that of the Gumbel softmax, not of α."""

    first_temperature: float = Field(
        default=10.0, gt=0, le=100, description="τ of the Gumbel softmax at the first search step"
    )
    last_temperature: float = Field(
        default=0.1, gt=0, le=100, description="τ at the last one, to which it falls linearly"
    )


class FairDartsParameters(EngineParameters, SearchParameters):
    """How hard the weights are pushed apart."""

    zero_one_weight: float = Field(
        default=10.0, ge=0, description="of the zero-one loss, which α learns from beside the loss"
    )


class DrNasParameters(EngineParameters, SearchParameters):
    """How strongly β is held to its anchor."""

    anchor_weight: float = Field(
        default=1e-3, ge=0, description="λ: of the squared distance of β from 1 in the loss of α"
    )


class DartsMinusParameters(EngineParameters, SearchParameters):
    """The same as those of `darts`, first order."""


class RandomSearchParameters(TrainingEvaluator, WeightParameters):
    """How many architectures share the search steps, and what they are evaluated by."""

    candidates: int = Field(
        default=4,
        ge=1,
        json_schema_extra=SEARCH_ONLY,
        description="architectures drawn; the search steps are split among them. Where no training "
        "evaluates them, each takes one step, and all of them half of the steps at most",
    )


class EvolutionSearchParameters(RandomSearchParameters):
    """How many live, and compete to have a child."""

    candidates: int = Field(
        default=8,
        ge=1,
        json_schema_extra=SEARCH_ONLY,
        description="architectures that share the search steps, children included, as in random",
    )
    population: int = Field(
        default=3,
        ge=1,
        json_schema_extra=SEARCH_ONLY,
        description="architectures alive at a time (P)",
    )
    sample: int = Field(
        default=2,
        ge=1,
        json_schema_extra=SEARCH_ONLY,
        description="drawn from the population, of which the best has a child (S)",
    )

    @model_validator(mode="after")
    def _check_sample(self) -> EvolutionSearchParameters:
        if self.sample > self.population:
            raise ValueError(f"sample={self.sample} is more than population={self.population}")
        return self


class WeightsOnlyParameters(EngineParameters, PretrainingParameters):
    """What trains is w alone."""


class LastLayerParameters(WeightsOnlyParameters):
    """On the device the classifier trains alone."""


class BiasOnlyParameters(WeightsOnlyParameters):
    """On the device biases and the classifier train."""


class SparseUpdateParameters(WeightsOnlyParameters):
    """Which part of the network trains on the device."""

    cells: int = Field(
        default=1,
        ge=1,
        json_schema_extra=SEARCH_ONLY,
        description="of the last cells the biases and a part of the weights learn",
    )
    share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        json_schema_extra=SEARCH_ONLY,
        description="of the channels that a pointwise convolution there reads: those whose weights "
        "learn, the first ones",
    )


class RandomAlphaParameters(WeightsOnlyParameters):
    """How far apart α and β are drawn."""

    spread: float = Field(
        default=1.0,
        gt=0,
        json_schema_extra=SEARCH_ONLY,
        description="standard deviation of α and β, which are drawn from a normal distribution",
    )


PUBLISHED: dict[BackboneName, str] = {
    "mobilenet_v3_small": "mobilenet_v3_small-047dcff4.pth",
    "mobilenet_v3_large": "mobilenet_v3_large-5c1a4163.pth",
    "resnet18": "resnet18-f37072fd.pth",
}
"""How torchvision's cache calls the weights that it publishes of each backbone."""


class TransferParameters(WeightParameters):
    """Which network was trained before, where its weights are, and what of it learns."""

    backbone: BackboneName = Field(
        default="mobilenet_v3_small", description="torchvision's network, trained on ImageNet"
    )
    tune: Literal["last", "bias", "all"] = Field(
        default="last",
        description="what learns: the last layer; with every bias; or all. But for the last layer "
        "it does so at a tenth of the learning rate",
    )
    size: int = Field(
        default=96,
        ge=32,
        le=1024,
        description="smaller images are enlarged to this height and width, in pixels",
    )
    weights: Path | None = Field(
        default=None,
        description="a safetensors file of the backbone's weights; none for torchvision's cache",
    )
    model: Path | None = Field(
        default=None,
        description="a model folder that was made before: its network learns on, of any kind",
    )
    new_head: bool = Field(
        default=False, description="whether the last layer of that network is drawn anew"
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="of that file, or of the folder's manifest, which is filled in; another one is "
        "refused",
    )
    download: bool = Field(
        default=False, description="whether torchvision may fetch what its cache lacks"
    )

    @model_validator(mode="after")
    def _know_the_file(self) -> TransferParameters:
        """Make what the file holds a part of every trial's identity."""
        if self.weights is not None and self.model is not None:
            raise ValueError("weights and model exclude each other")
        file = self.weights if self.model is None else self.model / "manifest.json"
        if file is None:
            return self
        try:
            found = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise ValueError(
                f"the weights '{file}' cannot be read: {error.strerror or error}"
            ) from None
        if self.sha256 not in {None, found}:
            raise ValueError(f"'{file}' is not the file of that sha256; it has {found}")
        object.__setattr__(self, "sha256", found)  # which is frozen for everyone else
        return self

    def missing(self) -> str:
        """Say that there are no weights, and how to get them; empty if there are."""
        if self.weights is not None or self.model is not None or self.download:
            return ""
        path = _torch_home() / "hub" / "checkpoints" / PUBLISHED[self.backbone]
        if path.is_file():
            return ""
        return (
            f"the published weights of {self.backbone} are not at hand: '{path}' does not exist; "
            "copy them there, name a safetensors file with weights=FILE, or say download=true"
        )


def _torch_home() -> Path:
    """Return where torch keeps what it downloads, which it tells only once it is imported."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser()
