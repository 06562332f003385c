"""The connection to a Dask scheduler, which is renewed if it breaks, and its workers by device."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.contracts import Device, DeviceMode
from harness.errors import HarnessError, UsageError
from harness.experiment.trial import DeviceIdentity
from harness.plugins.loading import in_one_line, load_plugins
from harness.plugins.selection import Selection

if TYPE_CHECKING:
    from distributed import Client

__all__ = [
    "FleetError",
    "MissingExtraError",
    "SchedulerConnection",
    "WorkerPool",
    "WorkerRefusalError",
    "mode_on_workers",
    "require_dask",
]

ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
CONNECT_S = 10.0
COME_BACK_S = 30.0  # how long a scheduler that was lost is waited for

LOOK_EVERY_S = 1.0


def require_dask(what: str) -> None:
    """Have Dask distributed imported, and keep its own log off the screen.

    Args:
        what: what needs Dask, for the message.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import distributed  # noqa: F401, PLC0415 - seconds that only runs with workers pay
    except ImportError:
        raise MissingExtraError(what) from None
    # The run itself reports lost workers and connections, in words of its own.
    for name in [
        name for name in logging.root.manager.loggerDict if name.startswith("distributed")
    ]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class SchedulerConnection:
    """A client of a scheduler, which survives the loss of its connection: see `renew`."""

    def __init__(self, where: str, connect: Callable[[float], Client]) -> None:
        """Connect.

        Args:
            where: the scheduler's address, for messages.
            connect: makes a client within so many seconds, or raises OSError.
        """
        self.where, self._connect = where, connect
        self.client = connect(CONNECT_S)
        self._comm = self.client.scheduler_comm

    @classmethod
    def to(cls, address: str) -> SchedulerConnection:
        """Connect to a scheduler.

        Raises:
            MissingExtraError: Dask distributed is not installed.
            UsageError: the address makes no sense, or Dask knows no certificates for it.
            FleetError: no scheduler answers there.
        """
        if not ADDRESS.fullmatch(address):
            raise UsageError(
                f"'{address}' is not the address of a scheduler; write tcp://HOST:PORT or "
                "tls://HOST:PORT, such as tcp://127.0.0.1:8786"
            )
        require_dask("--executor dask")
        from distributed import Client  # noqa: PLC0415 - see `require_dask`

        _check_certificates(address)

        def connect(timeout_s: float) -> Client:
            return Client(address, timeout=timeout_s, set_as_default=False, name="harness")

        try:
            return cls(address, connect)
        except (OSError, ValueError) as error:
            raise FleetError(
                f"no scheduler answers at {address} ({in_one_line(error)}); start one with "
                "'dask scheduler', and give its address with --scheduler"
            ) from None

    @property
    def stands(self) -> bool:
        """Whether the connection stands; one that Dask has remade by itself does not count."""
        return self.client.status == "running" and self.client.scheduler_comm is self._comm

    def offers(self) -> dict[str, frozenset[str]]:
        """Return the devices that each worker offers, by the worker's address.

        Raises:
            OSError: the connection is cut.
        """
        # Not `scheduler_info`, which may answer from its cache.
        identity: Mapping[str, Any] = self.client.sync(self.client.scheduler.identity, n_workers=-1)
        workers: Mapping[str, Any] = identity["workers"]
        return {
            address: frozenset(name for name, amount in about["resources"].items() if amount >= 1)
            for address, about in workers.items()
        }

    def renew(self) -> None:
        """Connect anew, as a client that the scheduler does not know.

        The scheduler, once it is back, could take the old client for gone.

        Raises:
            FleetError: the scheduler does not come back.
        """
        self.close()
        deadline = time.monotonic() + COME_BACK_S
        while True:
            try:
                self.client = self._connect(CONNECT_S)
                self._comm = self.client.scheduler_comm
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise FleetError(
                        f"the scheduler at {self.where} was lost and has not come back within "
                        f"{COME_BACK_S:g} s; what is finished is recorded, and the same command "
                        "goes on with the rest"
                    ) from None
                time.sleep(0.2)

    def close(self) -> None:
        """Disconnect; the workers go on."""
        # It may be gone already. On Python 3.10 the last is not an OSError.
        with suppress(OSError, RuntimeError, asyncio.TimeoutError):
            self.client.close(timeout=2)


def _check_certificates(address: str) -> None:
    """Check before connecting: a client without certificates fails late, with a poor message."""
    from distributed.security import Security  # noqa: PLC0415 - see `require_dask`

    if not address.startswith("tls:"):
        return
    try:
        missing = Security().get_connection_args("client").get("ssl_context") is None
    except (OSError, ValueError) as error:  # files that are not there, or hold something else
        raise UsageError(f"{address} needs certificates ({in_one_line(error)})") from None
    if missing:
        raise UsageError(
            f"{address} needs certificates; name them in Dask's configuration, under "
            "distributed.comm.tls (see docs/many-machines.md)"
        )


class FleetError(HarnessError):
    """Trials cannot be run on the workers; those that are finished have their records."""


class MissingExtraError(UsageError):
    """Dask distributed is not installed."""

    def __init__(self, what: str) -> None:
        """Say what needs it, and how it is installed."""
        super().__init__(
            f"{what} needs Dask distributed, which is not installed; "
            "install the extra 'dask': pip install 'onnas-harness[dask]'"
        )


class WorkerRefusalError(HarnessError):
    """A worker will not run a trial, since its result would not be that of the planned trial."""


class WorkerPool:
    """Counts the workers that offer a device, and says so when there are none."""

    def __init__(self, connection: SchedulerConnection, say: Callable[[str], None]) -> None:
        """Prepare to count; no worker is asked yet."""
        self._connection, self._say = connection, say
        self._offers: dict[str, frozenset[str]] = {}
        self._looked_at = -LOOK_EVERY_S
        self._missed: set[str] = set()  # devices whose absence was reported

    def count(self, device: str) -> int:
        """Return how many workers offer a device now."""
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S and self._connection.stands:
            self._looked_at = time.monotonic()
            with suppress(OSError):  # a connection that is cut just now
                self._offers = self._connection.offers()
        count = sum(device in offered for offered in self._offers.values())
        if count:
            self._missed.discard(device)
        elif device not in self._missed:
            self._missed.add(device)
            self._say(
                f"Waiting for a worker that offers '{device}' (there are {len(self._offers)} at "
                f"{self._connection.where}); start one with --resources '{device}=1'."
            )
        return count


def mode_on_workers(
    connection: SchedulerConnection, selection: Selection, device: Device
) -> DeviceMode:
    """Return what a device is on the workers that offer it.

    Raises:
        UsageError: no worker offers the device, it cannot be used there, or workers differ.
    """
    name = selection.name
    offering = sorted(where for where, offered in connection.offers().items() if name in offered)
    if not offering:
        raise UsageError(
            f"no worker at {connection.where} offers device '{name}'; start one with "
            f"--resources '{name}=1', or say --mode to wait for one"
        )
    identity = DeviceIdentity(
        name=name, params=selection.params, mode="emulated", profile=device.profile
    )
    try:
        modes = connection.client.run(_mode_here, identity.model_dump_json(), workers=offering)
    except Exception as error:  # whatever goes wrong on another machine
        raise FleetError(
            f"a worker at {connection.where} cannot say what device '{name}' is there "
            f"({in_one_line(error)}); install the same onnas-harness there, with its extra 'dask'"
        ) from None
    return _common(name, modes)


def _common(name: str, modes: dict[str, DeviceMode | None]) -> DeviceMode:
    found = dict(sorted((str(mode), where) for where, mode in modes.items()))
    if len(found) > 1:
        told = " and ".join(f"{mode} at {where}" for mode, where in found.items())
        raise UsageError(f"device '{name}' is {told}; choose with --mode")
    (mode,) = set(modes.values())
    if mode is None:
        raise UsageError(f"device '{name}' is not at hand on the workers that offer it")
    return mode


def _mode_here(identity_json: str) -> DeviceMode | None:
    from harness.devices.at_hand import mode_here  # noqa: PLC0415 - runs on the worker
    from harness.runtime.factory import make_device  # noqa: PLC0415 - as above

    identity = DeviceIdentity.model_validate_json(identity_json)
    return mode_here(make_device(load_plugins(), identity))
