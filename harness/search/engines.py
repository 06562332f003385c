"""The engines by name, for methods that let people choose."""

from __future__ import annotations

from harness.search.parameters import EngineName
from harness.space.backpropagation import Engine, ordinary
from harness.space.step_by_step import step_by_step
from harness.space.streamed import streamed

__all__ = ["engine_named"]

_ENGINES: dict[EngineName, Engine] = {
    "ordinary": ordinary,
    "streamed": streamed,
    "step_by_step": step_by_step,
}


def engine_named(name: EngineName) -> Engine:
    """Return the engine; all of them give the same gradients."""
    return _ENGINES[name]
