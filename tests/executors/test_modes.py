"""What a device is, is asked of the workers that offer it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import HarnessError
from harness.executors.dask.executor import DaskExecutor
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select


class Link:
    """A scheduler whose workers answer as a test says; `w0` and `w1` offer the device."""

    where = "tcp://s:1"

    def __init__(self, *modes: Any) -> None:
        self.modes, self.client = modes, self

    def offers(self) -> dict[str, frozenset[str]]:
        return {f"w{number}": frozenset({"jetson"}) for number in range(len(self.modes))}

    def run(self, _: Any, identity: str, workers: list[str]) -> dict[str, Any]:
        if isinstance(self.modes[0], Exception):
            raise self.modes[0]
        assert '"jetson"' in identity
        return dict(zip(workers, self.modes, strict=True))


def mode(link: Link, wanted: Any = None) -> Any:
    """The mode of a Jetson on the workers."""
    plugins = load_plugins()
    (selection,) = select(plugins, "device", "jetson")
    executor = DaskExecutor(plugins, link)  # type: ignore[arg-type]
    return executor.mode_of(selection, selection.create(), wanted)


def test_the_workers_say_what_the_device_is() -> None:
    """Measured on a board, though the machine that plans is none; a person's word goes before."""
    assert mode(Link("measured", "measured")) == "measured"
    assert mode(Link("emulated")) == "emulated"
    assert mode(Link(), "measured") == "measured"


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (Link(), "no worker at tcp://s:1 offers device 'jetson'; start one with --resources"),
        (Link("measured", "emulated"), "is emulated at w1 and measured at w0; choose with --mode"),
        (Link(None), "is not at hand on the workers that offer it"),
        (Link(ModuleNotFoundError("No module named 'harness'")), "install the same onnas-harness"),
    ],
)
def test_workers_that_do_not_agree_are_a_sentence(link: Link, says: str) -> None:
    """Nothing is assumed of a device that is not at hand, or not the same everywhere."""
    with pytest.raises(HarnessError, match=says):
        mode(link)
