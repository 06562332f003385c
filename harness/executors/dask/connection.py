"""The connection to a Dask scheduler: made, looked through, made again."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, UsageError
from harness.plugins.loading import in_one_line

if TYPE_CHECKING:
    from distributed import Client

__all__ = [
    "FleetError",
    "MissingExtraError",
    "SchedulerConnection",
    "WorkerRefusalError",
    "require_dask",
]

ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
CONNECT_S = 10.0
COME_BACK_S = 30.0  # how long a scheduler that was lost is waited for


def require_dask(what: str) -> None:
    """Have Dask distributed imported, and keep its own log off the screen.

    Args:
        what: needs it, for the message.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import distributed  # noqa: F401, PLC0415 - seconds that only runs with workers pay
    except ImportError:
        raise MissingExtraError(what) from None
    # What it has to say of lost workers and connections, the run says in its own words.
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
        """Whether it is the connection that was made; Dask makes a cut one again by itself."""
        return self.client.status == "running" and self.client.scheduler_comm is self._comm

    def offers(self) -> dict[str, frozenset[str]]:
        """Return the devices that each worker offers, by the worker's address.

        Raises:
            OSError: the connection is cut.
        """
        # Not `scheduler_info`, which makes do with what it knew before.
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
    """Find out before connecting: a client that lacks them fails slowly, and says it badly."""
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
