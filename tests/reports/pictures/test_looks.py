"""A method looks alike everywhere, and unlike the others."""

from __future__ import annotations

from harness.plugins.loading import load_plugins
from harness.reports.pictures.style import looks


def test_a_look_follows_from_the_name_alone() -> None:
    """Whatever else is drawn, and in whatever order, a method keeps colour, marker and line."""
    assert looks(["onnas"])["onnas"] == looks(["darts", "metanas", "onnas"])["onnas"]


def test_built_in_methods_are_told_apart_without_colour() -> None:
    """No two of them share a marker; only controls share colours, the random ones, and the rest."""
    names = load_plugins().registry.names("method")
    found = looks(names)
    assert len({look.marker for look in found.values()}) == len(names) >= 8
    random = {found[name].colour for name in ("random", "random-alpha")}
    fixed = {found[name].colour for name in ("weights-only", "transfer", "last-layer", "bias-only")}
    assert len(random) == len(fixed) == 1
    assert len({look.colour for look in found.values()}) == len(names) - 4


def test_a_variant_has_its_methods_colour_and_a_marker_of_its_own() -> None:
    """`darts[engine=streamed]` is seen to be a kind of `darts`, and not taken for it."""
    found = looks(["darts", "darts[engine=streamed]"])
    plain, streamed = found.values()
    assert plain.colour == streamed.colour
    assert plain.marker != streamed.marker
