"""A small chart of one trial's memory over its search steps, for the page's style sheet."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.pictures.step_file import Step
from harness.report.pictures.steps import thinned

__all__ = ["steps_chart"]

MIB = 2**20
WIDTH, HEIGHT = 680, 150
LEFT, RIGHT, TOP, BOTTOM = 8, 672, 26, 124


def steps_chart(steps: Sequence[Step], limit_bytes: int | None) -> str:
    """Return an `svg` element, or nothing where no step's memory was counted."""
    counted = [step.memory_bytes / MIB for step in steps if step.memory_bytes]
    if not counted:
        return ""
    most = max(counted)
    limit = None if limit_bytes is None else limit_bytes / MIB
    ceiling = limit if limit is not None and most < limit < 2.5 * most else most
    points = " ".join(
        f"{_across(place, len(counted)):.1f},{_down(value, ceiling):.1f}"
        for place, value in thinned(counted)
    )
    words = f"peak {most:,.1f} MiB in {len(counted):,} search steps{_beside(limit)}"
    line = "" if limit is None or limit > ceiling else _limit_line(limit, ceiling)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="steps" role="img" aria-label="{words}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><path class="axis" d="M{LEFT} {BOTTOM}H{RIGHT}"/>{line}'
        f'<polyline class="line" points="{points}"/><text x="{LEFT}" y="14">{words}</text>'
        f'<text x="{LEFT}" y="142">step 1</text>'
        f'<text class="end" x="{RIGHT}" y="142">step {len(counted):,}</text></svg>'
    )


def _beside(limit: float | None) -> str:
    return "; the device has no limit" if limit is None else f"; the device has {limit:,.0f} MiB"


def _limit_line(limit: float, ceiling: float) -> str:
    return f'<path class="limit" d="M{LEFT} {_down(limit, ceiling):.1f}H{RIGHT}"/>'


def _across(place: int, steps: int) -> float:
    return LEFT + (RIGHT - LEFT) * place / max(steps - 1, 1)


def _down(value: float, ceiling: float) -> float:
    """Return where a value is, from 0 at the bottom."""
    return BOTTOM - (BOTTOM - TOP) * value / ceiling
