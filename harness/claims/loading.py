"""Finds the claims that plugins have registered, and reads their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.claims.claim import CHECKS, Claim
from harness.errors import HarnessError, PluginError, UnknownNameError, UsageError
from harness.fields import explain
from harness.plugins.loading import Plugins
from harness.plugins.registry import Entry
from harness.plugins.targets import file_path
from harness.system.text import NotTextError, read_toml

__all__ = ["NamedClaim", "claims_of", "claims_of_plugins", "read_claim"]

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class NamedClaim:
    """A claim, and the name that people call it by, without that of its method."""

    name: str
    claim: Claim


def claims_of(plugins: Plugins, method: str, name: str | None = None) -> list[NamedClaim]:
    """Return the claims about a method, in the order in which they are registered, or one of them.

    Args:
        plugins: where claims are registered.
        method: its name.
        name: of one claim, with or without the method before it; None: all of them.

    Raises:
        UsageError: nobody claims anything of the method, or nothing of this name.
        PluginError: a file is missing or wrong; the message names it and the key.
    """
    known = {each.name: each for each in claims_of_plugins(plugins, method)}
    if not known:
        methods = {each.claim.method for each in claims_of_plugins(plugins)}
        raise UnknownNameError("method", method, methods, " of which anything is claimed")
    if name is None:
        return list(known.values())
    short = name.removeprefix(f"{method}-") if name not in known else name
    if short not in known:
        raise UnknownNameError("claim", name, known, f" about {method}")
    return [known[short]]


def claims_of_plugins(
    plugins: Plugins, method: str | None = None, complain: Callable[[str], None] | None = None
) -> list[NamedClaim]:
    """Return the claims of all plugins, or those about one method, in the order of registration.

    Args:
        plugins: where claims are registered.
        method: its name; None: all.
        complain: is told of a claim that cannot be used, which is then left out; None: it is an
            error.

    Raises:
        HarnessError: a file is missing or wrong; the message names it and the key.
    """
    found = []
    for source in plugins.sources:
        for entry in plugins.registry.registered_by(source):
            if entry.kind == "claim" and (method is None or entry.name.startswith(f"{method}-")):
                try:
                    found.append(_named(plugins, entry))
                except HarnessError as error:
                    if complain is None:
                        raise
                    complain(str(error))
    return [each for each in found if method in (None, each.claim.method)]


def _named(plugins: Plugins, entry: Entry) -> NamedClaim:
    claim = read_claim(file_path(plugins.registry.get("claim", entry.name)))
    if not entry.name.startswith(f"{claim.method}-"):
        raise PluginError(
            f"{entry.plugin}: {entry} is about the method '{claim.method}', so its name must begin "
            f"with '{claim.method}-'"
        )
    return NamedClaim(entry.name.removeprefix(f"{claim.method}-"), claim)


def read_claim(path: Path) -> Claim:
    """Read the file of a claim.

    Raises:
        UsageError: it cannot be read, is not TOML, or a key or value is wrong; the message names
            the file, the key, and what would be right.
    """
    try:
        _, table = read_toml(path)
    except NotTextError as error:
        raise UsageError(f"claim {path}: {error}") from None
    check = table.get("check")
    if isinstance(check, dict):
        _validate_check(path, check)
    return _validated(Claim, table, f"claim {path}")


def _validate_check(path: Path, check: dict[str, Any]) -> None:
    """Hold the check to the model of its kind, whose keys the message then names."""
    kind = check.get("kind")
    if not isinstance(kind, str) or kind not in CHECKS:
        raise UnknownNameError("kind of check", str(kind), CHECKS, f" in claim {path}")
    _validated(CHECKS[kind], check, f"[check] of claim {path}")


def _validated(model: type[Model], values: dict[str, Any], where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{where}: {explain(error, model)}") from None
