"""The reference of names: the methods, data sets, devices, suites and budgets that come along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from documentation.markdown import fenced, prose, table
from harness.experiment.budget import NAMED_BUDGETS, Budget
from harness.fields import describe_fields, spelled
from harness.metrics import MIB
from harness.plugins.description import describe
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.registry import Kind

__all__ = ["budgets_page", "built_in", "names_page"]

_OWN = "onnas-harness"  # what else is installed where the site is built is not part of it
_INTRODUCTIONS: dict[str, str] = {
    "method": "# Methods\n\n`-m 'NAME[key=value,...]'` sets parameters. "
    "How to add a method: [Your own plugin](../plugins.md).",
    "dataset": "# Data sets\n\n`--dataset 'NAME[key=value,...]'` sets parameters. "
    "How to bring images of your own: [Your own images](../own-data.md).",
    "device": "# Devices\n\nEach number of a profile has its source. "
    "How to add a board: [Your own board](../own-board.md).",
    "suite": "# Suites\n\nWhat the paper leaves open in them, and what is done about it: "
    "[The paper's tables and figures](../suites.md). The keys: [Suite files](suite-file.md).",
    "reporter": "# Reporters\n\n`--reporter NAME` hands a run's numbers to one while it goes on: "
    "[Reporters](../reporters.md).",
    "claim": "# Claims\n\n`harness claim METHOD` checks them. How verdicts are made: "
    "[Check claims](../claims.md). The keys: [Claim files](claim-file.md).",
    "space": "# Search spaces\n\n`--space NAME` chooses one: [Search spaces](../spaces.md). "
    "Its name, version, cells, nodes and operations are part of the keys of trials and "
    "checkpoints, so that a space that changes makes new ones. Supernet methods search where a "
    "space has a supernet; black-box searches where a table answers for its architectures.",
    "search": "# Black-box searches\n\n`-m 'NAME[key=value,...]'` sets parameters, where the space "
    "has a table: [Search spaces and black-box searches](../spaces.md).",
    "score": "# Zero-cost scores\n\n`harness correlate -s NAME` ranks networks by one, and "
    "`-m 'SEARCH[evaluator=NAME]'` searches by it: [Scores of untrained networks](../scores.md).",
}


def built_in(plugins: Plugins, kind: Kind) -> list[str]:
    """Name what this distribution registers of a kind."""
    entries = plugins.registry.entries(kind)
    return [entry.name for entry in entries if entry.distribution == _OWN]


def names_page(kind: Kind) -> str:
    """Return the page of all names of a kind, in Markdown."""
    plugins = load_plugins()
    told = (_told(plugins, kind, name) for name in built_in(plugins, kind))
    return "\n\n".join([_INTRODUCTIONS[kind], *map(_section, told)]) + "\n"


def budgets_page() -> str:
    """Return the page of budgets, in Markdown: what each key is, and its value in each of them."""
    values = {name: dict(budget) for name, budget in NAMED_BUDGETS.items()}
    rows = [
        (
            f"`{key.name}`",
            prose(key.description),
            f"{spelled(key.default)}",
            *(spelled(values[name][key.name]) for name in values),
        )
        for key in describe_fields(Budget)
    ]
    headings = ["key", "what it is", "default", *(f"`{name}`" for name in values)]
    text = (
        "# Budgets\n\n`--budget` takes a name, `key=value` pairs or both, such as `small,tasks=5`."
        "\nWithout `channels` they are the paper's: 28 for few-shot tasks, 16 for a full task."
    )
    return f"{text}\n\n{table(headings, rows)}\n"


def _told(plugins: Plugins, kind: Kind, name: str) -> dict[str, Any]:
    (told,) = (each for each in describe(plugins, name) if each["kind"] == kind)
    return told


def _section(told: Mapping[str, Any]) -> str:
    parts = [f"## {told['name']}", prose(told["summary"])]
    if told["parameters"]:
        parts.append(_parameters(told["parameters"]))
    if "profile" in told:
        parts += [_limit(told["memory_limit_bytes"]), _numbers(told["profile"])]
    if "text" in told:
        parts.append(fenced(told["text"], "toml"))
    return "\n\n".join(part for part in parts if part)


def _parameters(fields: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"`{each['name']}`",
            "must be given" if each["required"] else f"`{spelled(each['default'])}`",
            prose(each["takes"]),
            prose(each["description"]),
        )
        for each in fields
    ]
    return table(["parameter", "default", "takes", "meaning"], rows)


def _limit(limit: int | None) -> str:
    if limit is None:
        return "No memory limit."
    return f"Tensors may take {limit:,} bytes ({limit / MIB:,.0f} MiB)."


def _numbers(profile: Mapping[str, Any]) -> str:
    """Return each number of a profile with where it comes from; none if it has no numbers."""
    rows = [(f"`{key}`", _number(profile, key), prose(profile["sources"][key]))
            for key in profile["sources"]]  # fmt: skip
    if profile["cost"]:
        rows.append(("`cost`", "fitted", prose(profile["cost"]["provenance"])))
    return table(["number", "value", "comes from"], rows) if rows else ""


def _number(profile: Mapping[str, Any], key: str) -> str:
    part, _, name = key.partition(".")
    return f"{profile[part][name]:,.15g}"
