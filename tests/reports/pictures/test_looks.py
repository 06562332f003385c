"""A method looks alike everywhere, and unlike the others."""

from __future__ import annotations

from harness.plugins.loading import load_plugins
from harness.reports.pictures.style import looks


def test_a_look_follows_from_the_name_alone() -> None:
    """Whatever else is drawn, and in whatever order, a method keeps colour, marker and line."""
    assert looks(["onnas"])["onnas"] == looks(["darts", "metanas", "onnas"])["onnas"]


def test_built_in_methods_are_told_apart_without_colour() -> None:
    """No two of them share a marker; and only controls share a colour, two of them each."""
    names = load_plugins().registry.names("method")
    found = looks(names)
    assert len({look.marker for look in found.values()}) == len(names) >= 8
    assert found["random"].colour == found["random-alpha"].colour
    assert found["transfer"].colour == found["weights-only"].colour
    assert len({look.colour for look in found.values()}) == len(names) - 2


def test_a_variant_has_its_methods_colour_and_a_marker_of_its_own() -> None:
    """`darts[engine=streamed]` is seen to be a kind of `darts`, and not taken for it."""
    found = looks(["darts", "darts[engine=streamed]"])
    plain, streamed = found.values()
    assert plain.colour == streamed.colour
    assert plain.marker != streamed.marker
