"""The built-in reporters, which send a run's numbers elsewhere while it goes on."""

from __future__ import annotations

from harness import hookimpl
from harness.hookspecs import Register

__all__ = ["harness_register_reporters"]


@hookimpl
def harness_register_reporters(register: Register) -> None:
    """Register a plain CSV stream, and two common experiment trackers."""
    register(
        "csv",
        "harness_reporters.stream:CsvStream",
        summary="a row for each number, appended to stream.csv in the run folder",
    )
    register(
        "tensorboard",
        "harness_reporters.trackers:TensorBoard",
        summary="event files in the run folder; needs tensorboard",
    )
    register(
        "mlflow",
        "harness_reporters.trackers:MLflow",
        parameters="harness_reporters.trackers:MLflowParameters",
        summary="a run for each trial, in the run folder or on a server; needs mlflow",
    )
