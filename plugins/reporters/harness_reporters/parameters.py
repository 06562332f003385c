"""What reporters take, `mlflow[experiment=night]`; imports nothing slow but pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MLflowParameters"]


class MLflowParameters(BaseModel):
    """Where MLflow keeps runs, and under which name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str | None = Field(
        default=None,
        description="tracking URI; else MLFLOW_TRACKING_URI, else mlflow.db in the run folder",
    )
    experiment: str = Field(default="onnas-harness", min_length=1, description="its experiment")
