"""What is checked: one name that a plugin registered, with its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.registry import Kind
from harness.plugins.selection import Selection, select

if TYPE_CHECKING:
    from harness.contracts import Dataset

__all__ = ["Address", "Subject"]


@dataclass(frozen=True)
class Address:
    """A subject as text, which travels to the process of a check.

    Attributes:
        kind: method, dataset or device.
        text: the name, with parameters in brackets.
        data_root: where data sets are kept; None: nothing was given.
        cache_root: where decoded images are kept.
    """

    kind: Kind
    text: str
    data_root: Path | None
    cache_root: Path


@dataclass(frozen=True)
class Subject:
    """A name that was found, ready to be made."""

    address: Address
    plugins: Plugins
    selection: Selection

    @classmethod
    def at(cls, address: Address) -> Subject:
        """Find what an address names, among the plugins of this process.

        Raises:
            UsageError: nothing has that name, or not these parameters.
        """
        plugins = load_plugins()
        (selection,) = select(plugins, address.kind, address.text)
        return cls(address, plugins, selection)

    def create(self) -> Any:
        """Call the target with its parameters.

        Raises:
            PluginError: it cannot be imported.
        """
        return self.selection.create()

    def dataset(self) -> Dataset:
        """Make and prepare the data set.

        Raises:
            DataError: its images are not there, or not readable.
        """
        from harness.contracts import DataRequest  # noqa: PLC0415 - only data sets need it

        request = DataRequest(self.address.data_root, self.address.cache_root, print)
        dataset: Dataset = self.create().prepare(request)
        return dataset
