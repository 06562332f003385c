"""The one place that rounds: what a cell says, in every format alike."""

from __future__ import annotations

from harness.report.table import MISSING, SYMBOLS, Cell, Column

__all__ = ["shown", "shown_number"]

MINUS = "−"
PLUS_MINUS = "±"


def shown(cell: Cell, column: Column) -> str:
    """Return a cell as it is read: `~495.1`, `63.33 ± 0.11*`, `X`, or a dash."""
    if isinstance(cell.value, str):
        return cell.value
    if cell.mark == "unfit":
        return SYMBOLS["unfit"]
    if cell.value is None:
        return MISSING if column.kind in ("number", "difference") else ""
    text = shown_number(cell.value, column)
    if cell.spread is not None:
        text = f"{text} {PLUS_MINUS} {shown_number(cell.spread, column)}"
    if cell.mark == "predicted":
        return SYMBOLS["predicted"] + text
    return text + SYMBOLS.get(cell.mark, "")


def shown_number(value: float, column: Column) -> str:
    """Round a number to its column's digits."""
    sign = "+" if column.kind == "difference" else ""
    if column.digits is None:
        return f"{value:{sign},.10g}".replace("-", MINUS)
    value = round(value, column.digits) + 0.0  # no minus before a zero
    return f"{value:{sign},.{column.digits}f}".replace("-", MINUS)
