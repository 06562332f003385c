"""Logs on their way home: of a long one only the end."""

from __future__ import annotations

from pathlib import Path

__all__ = ["end_of"]

LONGEST_LOG = 2**20  # characters


def end_of(log: Path) -> str:
    """Return the text of a log, or its end; nothing if there is none."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if len(text) <= LONGEST_LOG:
        return text
    return f"[the first {len(text) - LONGEST_LOG:,} characters are left out]\n{text[-LONGEST_LOG:]}"
