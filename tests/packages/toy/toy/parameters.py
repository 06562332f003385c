"""What the methods take, free of torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from harness.fields import SEARCH_ONLY


class ToyParameters(BaseModel):
    """How it misbehaves, and in which search step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    does: str = "well"
    at: int = 3


class LearnerParameters(ToyParameters):
    """How it misbehaves in pretraining, too."""

    rate: float = 1.0
    offline: str = "well"
    only_search: int = Field(default=0, json_schema_extra=SEARCH_ONLY)
