"""The frame of a picture: a title that says what is seen, panels, and notes under them."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.pictures.style import MUTED

__all__ = ["MAX_PANELS", "framed", "lay_out_finally", "panels_left_out"]

MAX_PANELS = 8
WIDTH = 7.2  # inches: the text width of a page
NOTE_SIZE = 7.0  # points
NOTE_LINE = 0.135  # inches
CHARACTERS = 142  # of a note that fit into the width
TITLE_CHARACTERS = 72


def framed(
    title: str, notes: Sequence[str], panels: int, *, height: float = 2.75, columns: int = 2
) -> tuple[Figure, list[Axes]]:
    """Return a figure with `panels` axes, each `height` inches high, at most `columns` a row."""
    across = min(columns, panels)
    down = -(-panels // across)
    lines = [line for note in notes for line in wrap(note, CHARACTERS)]
    foot = NOTE_LINE * len(lines) + (0.08 if lines else 0.0)
    head = wrap(title, TITLE_CHARACTERS)
    tall = down * height + 0.2 * len(head) + foot
    figure = Figure(figsize=(WIDTH, tall))
    figure.set_layout_engine(
        "constrained", rect=(0, foot / tall, 1, 1 - foot / tall), hspace=0.06, wspace=0.05
    )
    figure.suptitle("\n".join(head), x=0.008, ha="left")
    figure.text(
        0.008, 0.04 / tall, "\n".join(lines), size=NOTE_SIZE, color=MUTED, va="bottom",
        linespacing=1.25, in_layout=False,
    )  # fmt: skip
    return figure, [figure.add_subplot(down, across, 1 + place) for place in range(panels)]


def panels_left_out(panels: int) -> list[str]:
    """Say how many panels there is no room for."""
    more = panels - MAX_PANELS
    return [f"Not drawn: {more} more settings and devices."] if more > 0 else []


def lay_out_finally(figure: Figure) -> None:
    """Lay a figure out now, and no more when it is drawn: half of the time is the layout's."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine("none")
