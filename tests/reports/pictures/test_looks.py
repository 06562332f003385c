"""A method looks alike everywhere, and unlike the others."""

from __future__ import annotations

from harness.plugins.loading import load_plugins
from harness.reports.pictures.style import looks

PAPER = ("onnas", "darts", "metanas", "pcdarts", "proxylessnas")
FIXED = ("weights-only", "transfer", "last-layer", "bias-only", "sparse-update")


def test_a_look_follows_from_the_name_alone() -> None:
    """Whatever else is drawn, and in whatever order, a method keeps colour, marker and line."""
    assert looks(["onnas"])["onnas"] == looks(["darts", "metanas", "onnas"])["onnas"]


def test_built_in_methods_are_told_apart_without_colour() -> None:
    """No two share a marker; of colours, controls and the paper's methods share none."""
    names = load_plugins().registry.names("method")
    found = looks(names)
    assert len({look.marker for look in found.values()}) == len(names) >= 8
    random = {found[name].colour for name in ("random", "random-alpha")}
    fixed = {found[name].colour for name in FIXED}
    paper = {found[name].colour for name in PAPER}
    assert len(random) == len(fixed) == 1
    assert len(random | fixed | paper) == 2 + len(PAPER)
    newer = set(names) - {*PAPER, *FIXED, "random", "random-alpha"}
    assert {found[name].colour for name in newer} <= paper


def test_a_variant_has_its_methods_colour_and_a_marker_of_its_own() -> None:
    """`darts[engine=streamed]` is seen to be a kind of `darts`, and not taken for it."""
    found = looks(["darts", "darts[engine=streamed]"])
    plain, streamed = found.values()
    assert plain.colour == streamed.colour
    assert plain.marker != streamed.marker
