"""Methods that a run can have: one whose plugin is at fault does not keep the others from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.errors import PluginError, UnknownNameError
from harness.plugins.loading import Plugins
from harness.plugins.registry import ALL
from harness.plugins.selection import Selection, parse, select
from harness.plugins.targets import needs_parameters

__all__ = ["UsableMethods", "select_usable"]


class UsableMethods(NamedTuple):
    """What was asked for and can be run, and what cannot: for each text the reason."""

    selections: Sequence[Selection]
    passed_over: Mapping[str, str]


def select_usable(plugins: Plugins, texts: Iterable[str]) -> UsableMethods:
    """Resolve methods; pass over those that a plugin, and not the person who asks, has wrong.

    That is a name that several plugins claim, one of a plugin that cannot be loaded (which has the
    name of the method itself: what it would have registered is not known), and one whose parameters
    cannot be imported.

    Raises:
        UsageError: a name, parameter or value is wrong.
        PluginError: nothing is left.
    """
    selections: list[Selection] = []
    passed_over: dict[str, str] = {}
    for text, of_all in _expanded(plugins, texts):
        try:
            selections += _select(plugins, text, of_all=of_all)
        except UnknownNameError as error:
            reason = _fault(plugins, text)
            if reason is None:
                raise error from None
            passed_over[text] = reason
        except PluginError as error:
            passed_over[text] = str(error)
    if not selections:
        raise PluginError("; ".join(passed_over.values()) or "no plugin registers a method")
    return UsableMethods(selections, passed_over)


def _expanded(plugins: Plugins, texts: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Put every name in the place of `all`, and say of each text whether it was."""
    for text in texts:
        if text == ALL:
            yield from ((name, True) for name in plugins.registry.names("method"))
        else:
            yield text, False


def _select(plugins: Plugins, text: str, *, of_all: bool) -> list[Selection]:
    if of_all and needs_parameters(plugins.registry.get("method", text)):
        return []  # `all` leaves out what cannot be made without parameters
    return select(plugins, "method", text)


def _fault(plugins: Plugins, text: str) -> str | None:
    """Return what is wrong with the plugin that has the name of a method."""
    problem = plugins.problem_of(parse(text)[0])
    return None if problem is None else str(problem)
