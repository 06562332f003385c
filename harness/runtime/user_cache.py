"""Where decoded images and checkpoints are kept unless somebody says otherwise."""

from __future__ import annotations

from pathlib import Path

__all__ = ["user_cache"]


def user_cache() -> Path:
    """Return the harness's folder in the user's cache; it need not exist."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only what uses it waits for it

    return user_cache_path("onnas-harness", appauthor=False)
