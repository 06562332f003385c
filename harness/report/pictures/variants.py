"""How the variants of one method differ: in one number, or in mechanisms switched on and off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.fields import spelled
from harness.results.record import Record

__all__ = ["Family", "families"]


@dataclass(frozen=True)
class Family:
    """The variants of one method.

    Attributes:
        method: its name.
        keys: the parameters that are not the same in all variants, in the method's order.
        records: those of all variants.
    """

    method: str
    keys: tuple[str, ...]
    records: tuple[Record, ...]

    @property
    def parameter(self) -> str | None:
        """The one parameter that differs, if it is a number; None for mechanisms."""
        if len(self.keys) != 1:
            return None
        values = [record.method.params.get(self.keys[0]) for record in self.records]
        are_numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
        return self.keys[0] if are_numbers else None

    def variant(self, record: Record) -> str:
        """Say what a record's variant is: the values of the parameters that differ."""
        params = record.method.params
        return ", ".join(f"{key} {spelled(params[key])}" for key in self.keys if key in params)


def families(records: Iterable[Record]) -> list[Family]:
    """Return the methods of which there are several variants."""
    methods: dict[str, list[Record]] = {}
    for record in records:
        methods.setdefault(record.method.name, []).append(record)
    found = [
        Family(name, _differing([each.method.params for each in own]), tuple(own))
        for name, own in methods.items()
    ]
    return [family for family in found if family.keys]


def _differing(variants: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    first = variants[0]
    keys = dict.fromkeys(key for params in variants for key in params)
    return tuple(key for key in keys if any(p.get(key) != first.get(key) for p in variants))
