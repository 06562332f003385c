"""Checks each rule in a process of its own, which a plugin may hang, crash or fill.

As for trials, the processes are forked from a server that has imported torch once, if the system
can fork; this process does not need torch.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Iterator
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from harness.conformance.rule import (
    Address,
    BrokenRuleError,
    Conditions,
    NotDecidedError,
    Status,
    Verdict,
)
from harness.errors import DataError
from harness.plugins.registry import Kind
from harness.runtime.forkserver import (
    WAIT_S,
    NotStartedError,
    begin,
    processes,
    start,
    start_server,
)
from harness.runtime.interpreters import end_of_stderr, told
from harness.system.limits import in_a_sentence

__all__ = ["check", "check_rule", "conditions_here", "rule_names"]

# Torch's optimizers import its compiler at their first use, which takes seconds.
PRELOADED = ["__main__", "harness.conformance.judging", "torch._dynamo"]


def conditions_here(*, thorough: bool = True) -> Conditions:
    """Return the conditions of checks on this machine, whose speed is measured at the first call.

    Raises:
        NotStartedError: the process that has imported torch does not live.
    """
    return Conditions(thorough, _slowness())


def check(
    address: Address, conditions: Conditions, only: Collection[str] = ()
) -> Iterator[Verdict]:
    """Check every rule for what an address names, one after another, or only those named.

    Raises:
        DataError: the images of a data set are missing.
    """
    for name in rule_names(address.kind):
        if not only or name in only:
            yield check_rule(address, name, conditions)


def check_rule(address: Address, name: str, conditions: Conditions) -> Verdict:
    """Check one rule.

    Raises:
        DataError: the images of a data set are missing.
    """
    about, started = _rules(address.kind)[name], time.monotonic()
    try:
        limit_s = conditions.limit_of(about["limit_s"])
        answer = _answer(_judge, (address, name, conditions), limit_s)
    except (BrokenRuleError, NotDecidedError) as error:
        status: Status = "broken" if isinstance(error, BrokenRuleError) else "not decided"
        came, seconds = str(error), time.monotonic() - started
        return Verdict(name, status, about["expects"], came, came, about["read"], seconds)
    if isinstance(answer, str):
        raise DataError(answer)
    return Verdict(**answer)


def rule_names(kind: Kind) -> list[str]:
    """Name the rules for a kind, in the order in which they are checked."""
    return list(_rules(kind))


@cache
def _rules(kind: Kind) -> dict[str, dict[str, Any]]:
    """Describe the rules for a kind by name; their checks stay where torch is imported."""
    rules: dict[str, dict[str, Any]] = _asked(_describe, kind)
    return rules


@cache
def _slowness() -> float:
    slowness: float = _asked(_calibrate)
    return slowness


def _asked(work: Callable[..., None], *arguments: Any) -> Any:
    """Return what the harness's own `work` sends from a process.

    Raises:
        NotStartedError: the process has ended, or `work` has sent a sentence on what is missing.
    """
    try:
        answer = _answer(work, arguments, None)
    except BrokenRuleError as error:
        raise NotStartedError(f"{error}{told(end_of_stderr(WAIT_S))}") from None
    if isinstance(answer, str):
        raise NotStartedError(answer)
    return answer


@cache
def _context() -> BaseContext:
    context = processes(PRELOADED)
    start_server(context)
    return context


def _answer(work: Callable[..., None], arguments: tuple[Any, ...], limit_s: float | None) -> Any:
    """Return what `work` sends from a process of its own, which has ended by then.

    Raises:
        BrokenRuleError: the process sent nothing; the message says how it ended.
        NotDecidedError: it did not finish in time, as on a busy machine.
    """
    ours, theirs = _context().Pipe(duplex=False)
    process: BaseProcess = _context().Process(  # type: ignore[attr-defined] # stubs lack it
        target=work, args=(theirs, *arguments), daemon=True
    )
    try:
        start(process)
        theirs.close()
        return _received(ours, process, limit_s)
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
        ours.close()


def _received(connection: Connection, process: BaseProcess, limit_s: float | None) -> Any:
    if not connection.poll(limit_s):
        raise NotDecidedError(f"the check had not finished after {limit_s:.0f} s")
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        code = process.exitcode or 0
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        raise BrokenRuleError(f"the process of the check ended {how}") from None


def _judge(connection: Connection, address: Address, name: str, conditions: Conditions) -> None:
    begin(signal.SIGTERM, signal.SIGINT)  # a plugin meets them as it does anywhere
    # Imported here, in the child: the parent has no need of torch.
    from harness.conformance.judging import main  # noqa: PLC0415 - see above

    main(connection, address, name, conditions)


def _calibrate(connection: Connection) -> None:
    from harness.conformance.trials import measured_slowness  # noqa: PLC0415 - see above

    connection.send(measured_slowness())


def _describe(connection: Connection, kind: Kind) -> None:
    """Send the rules, or a sentence on a library that is missing for them."""
    try:
        from harness.conformance.judging import RULES  # noqa: PLC0415 - see above
    except ImportError as error:
        connection.send(in_a_sentence(error) or str(error))
        return
    connection.send(
        {
            rule.name: {"expects": rule.expects, "read": rule.read, "limit_s": rule.limit_s}
            for rule in RULES[kind]
        }
    )
