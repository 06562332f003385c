"""Local search (White et al., 2021): climb to the best neighbour, and start anew at a top."""

from __future__ import annotations

from collections import deque

from harness.contracts import SearchTask

__all__ = ["LocalSearch"]


class LocalSearch:
    """Asks for all neighbours of where it stands, moves to the best, and starts anew at a top.

    What it has asked for before it knows, and does not ask again.
    """

    def start(self, task: SearchTask) -> None:
        """Begin nowhere."""
        self._task = task
        self._known: dict[str, float] = {}
        self._here: str | None = None
        self._waiting: deque[str] = deque()

    def ask(self) -> str:
        """Return a neighbour whose accuracy is not known, or a new start."""
        while not self._waiting and self._here is not None:
            self._move(self._here)
        if self._waiting:
            return self._waiting.popleft()
        return self._task.space.sample(self._task.random)

    def tell(self, architecture: str, accuracy: float) -> None:
        """Note it; a first answer says where the climb starts."""
        self._known[architecture] = accuracy
        if self._here is None:
            self._stand_at(architecture)

    def _move(self, here: str) -> None:
        """Go to the best neighbour, or, where none is better, away."""
        best = max(self._task.space.neighbours(here), key=self._known.__getitem__)
        if self._known[best] > self._known[here]:
            self._stand_at(best)
        else:
            self._here = None

    def _stand_at(self, architecture: str) -> None:
        self._here = architecture
        unknown = [n for n in self._task.space.neighbours(architecture) if n not in self._known]
        order = self._task.random.permutation(len(unknown)).tolist()
        self._waiting = deque(unknown[place] for place in order)
