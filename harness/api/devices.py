"""The call that calibrates a processor, here or on a board, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.arguments import ignore, path_of, plugins_here, teller
from harness.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.boards.connection import BoardAddress
    from harness.cost_model.profile import LeftOutTime
    from harness.devices.profile import DeviceProfile
    from harness.plugins.loading import Plugins

__all__ = ["CalibratedDevice", "calibrate", "calibrate_device"]


@dataclass(frozen=True)
class CalibratedDevice:
    """A device whose cost model was fitted to what its processor took.

    Attributes:
        profile: the device, with the cost model.
        left_out: each time beside what a fit without its network predicts for it.
        path: the file that the profile was written to; None if it was only returned.
    """

    profile: DeviceProfile
    left_out: tuple[LeftOutTime, ...]
    path: Path | None = None

    def frame(self) -> DataFrame:
        """Return a table: name, network, measured_s, predicted_s, error (a fraction)."""
        from pandas import DataFrame  # noqa: PLC0415 - slow, and only a frame needs it

        return DataFrame([each.model_dump() for each in self.left_out])

    def _repr_html_(self) -> str:
        html: str = self.frame().to_html(index=False)
        return html


def calibrate(
    name: str = "this-cpu",
    output: str | Path | None = None,
    *,
    on: str | None = None,
    force: bool = False,
    progress: bool = True,
) -> CalibratedDevice:
    """Measure a processor, and fit a cost model that predicts its times.

    It takes some minutes, in which the machine should do nothing else.

    Args:
        name: what to call the device.
        output: the file to write its profile to, for `HARNESS_DEVICES` to name; None: no file.
        on: a board that is reached by ssh and measures itself, such as `"ssh://user@board"`.
        force: whether a file that something else has written may be overwritten.
        progress: whether progress is shown on standard error.

    Raises:
        UsageError: the name is another device's, or the file must not or cannot be written.
        BoardError: the board cannot be used, or something failed there.
    """
    from harness.api.progress import work_on_stderr  # noqa: PLC0415 - see the module
    from harness.boards.connection import BoardAddress  # noqa: PLC0415 - as above

    return calibrate_device(
        plugins_here(),
        name,
        None if output is None else path_of(output),
        force=force,
        address=None if on is None else BoardAddress.parsed(on),
        progress=work_on_stderr if progress else lambda _: nullcontext(ignore),
        say=teller(progress=progress),
    )


def calibrate_device(  # noqa: PLR0913 - what both callers choose
    plugins: Plugins,
    name: str,
    output: Path | None,
    *,
    force: bool,
    address: BoardAddress | None,
    progress: Callable[[int], AbstractContextManager[Callable[[str], None]]],
    say: Callable[[str], None],
) -> CalibratedDevice:
    """Calibrate this processor or a board's, after checking that the profile can be kept.

    Args:
        plugins: where names are looked up.
        name: what to call the device.
        output: the file to write the profile to; None: no file.
        force: whether a file that something else has written may be overwritten.
        address: of the board; None: this processor.
        progress: shows the pieces of work here, as `calibrate_processor` describes.
        say: reports sentences to the person.

    Raises:
        UsageError: the name is another device's, or the file must not or cannot be written.
        BoardError: the board cannot be used, or something failed there.
    """
    from harness.devices.profile import check_destination, profile_toml  # noqa: PLC0415 - pydantic
    from harness.system.files import write_whole  # noqa: PLC0415 - see the module

    if output is not None:
        check_destination(output, force=force)
    _check_name(plugins, name, output)
    if address is not None:
        from harness.boards.work import calibrate_on  # noqa: PLC0415 - imports torch

        profile, left_out = calibrate_on(address, name, say)
        if not profile.recognised_by:
            say(f"{address} names no board, so that {name} is always emulated; see `recognised_by`")
    else:
        # Imports torch and scipy, which take seconds.
        from harness.cost_model.calibrate import processor  # noqa: PLC0415 - see above

        fit = processor.calibrate_processor(progress)
        profile = processor.processor_profile(name, fit.cost)
        left_out = [each.told() for each in fit.left_out]
    if output is not None:
        write_whole(output, profile_toml(profile))
    return CalibratedDevice(profile, tuple(left_out), output)


def _check_name(plugins: Plugins, name: str, output: Path | None) -> None:
    """Refuse a name that another device has; overwriting the same file's device is fine."""
    from harness.plugins.registry import check_name  # noqa: PLC0415 - see the module

    check_name("device", name)
    for entry in plugins.registry.entries("device"):
        if output and entry.name == name and entry.target != str(output.absolute()):
            raise UsageError(
                f"there is a device '{name}', of {entry.plugin}; choose another name by --name"
            )
