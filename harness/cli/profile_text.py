"""Prints a device's profile: each number with its unit and the place it comes from."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["print_profile"]

HERE = {
    "measured": "measured on this machine",
    "emulated": "emulated on this machine",
    None: "not on this machine, and with nothing to emulate",
}

# By the end of a key: its unit, and a larger or smaller one that is easier to read.
UNITS = {
    "_bytes_s": ("bytes/s", 1e9, "GB/s"),
    "_bytes": ("bytes", 2**20, "MiB"),
    "_flops": ("FLOP/s", 1e9, "GFLOP/s"),
    "_s": ("s", 1e-6, "µs"),
}


def print_profile(description: dict[str, Any]) -> None:
    """Print what `harness.plugins.description.describe` says of a device's profile."""
    profile, limit = description["profile"], description["memory_limit_bytes"]
    names = profile["recognised_by"]
    facts = {
        "model": profile["model"],
        "computes on": profile["kind"],
        "recognised by": ", ".join(names) if names else "nothing, so it is always emulated",
        "memory limit": "none is modelled" if limit is None else _with_unit("limit_bytes", limit),
    }
    click.echo(f"\nprofile ({HERE[description['mode']]})")
    for fact, value in facts.items():
        click.echo(f"  {fact:<14} {value}")
    for table in ("memory", "compute"):
        for key, value in (profile[table] or {}).items():
            if value is not None:
                click.echo(f"\n  {table}.{key}  {_with_unit(key, value)}")
                click.echo(f"    {profile['sources'][f'{table}.{key}']}")
    if profile["cost"] is not None:
        _print_cost(profile["cost"])


def _print_cost(cost: dict[str, Any]) -> None:
    """Print what a calibration has found: neither the maker's numbers, nor readings."""
    error = cost["error"]
    click.echo(
        "\n  cost model, fitted by calibration; times from it are predicted\n"
        f"    {cost['provenance']}\n"
        f"    mean error {error['mean_percent']:.3g} % over {error['cases']} times that their fit "
        f"had not seen;\n    nine of ten were {error['low']:.3g} to {error['high']:.3g} of what "
        f"was predicted\n\n  cost.launches  {cost['launches']}"
    )
    for key in ("python_kernel_s", "engine_kernel_s"):
        click.echo(f"  cost.{key}  {_with_unit(key, cost[key])}")
    click.echo(f"  cost.parallel_speedup  {cost['parallel_speedup']:g}")
    for kind, rates in cost["rates"].items():
        click.echo(
            f"  cost.rates.{kind:<11}  launch {rates['launch_s'] / 1e-6:.4g} µs, at most "
            f"{rates['flops_s'] / 1e9:,.4g} GFLOP/s and {rates['bytes_s'] / 1e9:,.4g} GB/s"
        )


def _with_unit(key: str, value: float) -> str:
    """Write a number in its unit, and in the one that is easier to read."""
    end = next(end for end in UNITS if key.endswith(end))
    unit, factor, easier = UNITS[end]
    return f"{value:,.12g} {unit} = {value / factor:,.10g} {easier}"
