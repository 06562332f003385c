"""Random search over architectures: the control of every other one (Li and Talwalkar, 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.contracts import SearchTask

__all__ = ["RandomArchitectures"]


class RandomArchitectures:
    """Asks for architectures drawn at random, each independent of the others."""

    def start(self, task: SearchTask) -> None:
        """Begin a search."""
        self._task = task

    def ask(self) -> str:
        """Draw an architecture."""
        return self._task.space.sample(self._task.random)

    def tell(self, architecture: str, accuracy: float) -> None:
        """Learn nothing of it."""

    def tell_losses(self, architecture: str, losses: Sequence[float], excess: float) -> None:
        """Learn nothing of several objectives either."""
