"""How the memory of a pass grows with the space, by engine."""

from __future__ import annotations

import pytest

from tests.benchmarks.growth import ENGINES, Space, measured_pass

CHANNELS, SIDE = 2, 12


def activations(engine: str, size: Space) -> float:
    """Return the MiB of a pass besides weights and their gradients."""
    return measured_pass(ENGINES[engine], size, CHANNELS, SIDE).activations_mib


@pytest.mark.parametrize("engine", ["streamed", "step by step"])
def test_recomputing_is_flat_in_the_number_of_operations(engine: str) -> None:
    """Seven operations need the memory of the largest one; ordinarily they need that of all."""
    few, many = (activations(engine, Space(cells=2, operations=n)) for n in (2, 7))
    assert many <= 1.05 * few
    few, many = (activations("ordinary", Space(cells=2, operations=n)) for n in (2, 7))
    assert many > 2 * few


def test_repeated_phases_are_flat_in_the_number_of_cells() -> None:
    """With step by step from the first cell again, six cells need what three do."""
    few, many = (activations("step by step, repeated", Space(cells=n)) for n in (3, 6))
    assert many <= 1.02 * few


@pytest.mark.parametrize("engine", ["streamed", "step by step"])
def test_a_cell_more_costs_its_output(engine: str) -> None:
    """Where outputs are kept, each further cell adds 3C channels of its grid and no more."""
    few, many = (activations(engine, Space(cells=number)) for number in (3, 5))
    output_mib = 5 * 3 * CHANNELS * SIDE * SIDE * 4 / 2**20
    assert (many - few) / 2 <= 1.1 * output_mib


def test_memory_grows_with_images_alike_for_all_engines() -> None:
    """Activations are proportional to the images, whatever engine there is."""
    for engine in ENGINES:
        few, many = (activations(engine, Space(cells=2, images=n)) for n in (20, 80))
        assert 3.5 <= many / few <= 4.5
