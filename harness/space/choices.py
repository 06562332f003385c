"""Spaces whose architecture is a fixed number of decisions, each for one of some options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ChoiceSpace"]


class ChoiceSpace:
    """What follows from the decisions alone (see `harness.contracts.ArchitectureSpace`).

    A space extends it by its name, its `options`, and the two ways between an architecture's
    string and its decisions.
    """

    has_supernet = False
    options: tuple[int, ...]

    def decisions(self, architecture: str) -> tuple[int, ...]:
        """Return which option each decision takes.

        Raises:
            UsageError: it is not an architecture of this space.
        """
        raise NotImplementedError

    def architecture(self, decisions: Sequence[int]) -> str:
        """Return the architecture of decisions."""
        raise NotImplementedError

    def check(self, architecture: str) -> str:
        """Return the canonical form of an architecture.

        Raises:
            UsageError: it is none of this space.
        """
        return self.architecture(self.decisions(architecture))

    def vector(self, architecture: str) -> NDArray[np.float64]:
        """Return all decisions one-hot, one after another: (sum of the options,)."""
        import numpy as np  # noqa: PLC0415 - spaces are named where nothing is computed

        encoded = np.zeros(sum(self.options))
        starts = np.cumsum([0, *self.options[:-1]])
        encoded[starts + np.asarray(self.decisions(architecture))] = 1.0
        return encoded

    def sample(self, random: np.random.Generator) -> str:
        """Draw each decision; each architecture is equally likely."""
        return self.architecture(random.integers(self.options).tolist())

    def mutate(self, architecture: str, random: np.random.Generator) -> str:
        """Let one decision, drawn at random, take another of its options."""
        changed = list(self.decisions(architecture))
        open_decisions = [place for place, options in enumerate(self.options) if options > 1]
        place = open_decisions[int(random.integers(len(open_decisions)))]
        step = 1 + int(random.integers(self.options[place] - 1))
        changed[place] = (changed[place] + step) % self.options[place]
        return self.architecture(changed)

    def neighbours(self, architecture: str) -> list[str]:
        """Return all architectures that differ in one decision, in the order of the decisions."""
        chosen = self.decisions(architecture)
        return [
            self.architecture([*chosen[:place], option, *chosen[place + 1 :]])
            for place, options in enumerate(self.options)
            for option in range(options)
            if option != chosen[place]
        ]

    def cross(self, one: str, other: str, random: np.random.Generator) -> str:
        """Take each decision from one of two architectures, either equally likely."""
        pairs = zip(self.decisions(one), self.decisions(other), strict=True)
        sides = random.integers(2, size=len(self.options)).tolist()
        return self.architecture([pair[side] for pair, side in zip(pairs, sides, strict=True)])
