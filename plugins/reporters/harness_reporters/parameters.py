"""What reporters take, `mlflow[experiment=night]`, and need; imports nothing slow but pydantic."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import UsageError

__all__ = ["MLflowParameters", "require"]


class MLflowParameters(BaseModel):
    """Where MLflow keeps runs, and under which name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str | None = Field(
        default=None,
        description="tracking URI; else MLFLOW_TRACKING_URI, else mlflow.db in the run folder",
    )
    experiment: str = Field(default="onnas-harness", min_length=1, description="its experiment")


def require(reporter: str, *modules: str) -> None:
    """Check that modules are installed, without importing them.

    Raises:
        UsageError: one is not; the message has the command that installs it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise UsageError(
                f"reporter '{reporter}' needs {module}, which is not installed; "
                f"pip install 'onnas-harness[{reporter}]' installs it"
            )
