"""Has something looked at ten times a second while a block runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["PERIOD_S", "sampling"]

PERIOD_S = 0.1


@contextmanager
def sampling(look: Callable[[], object], period_s: float = PERIOD_S) -> Iterator[None]:
    """Call `look` every `period_s` seconds in a thread beside the block.

    The thread has ended when the block has, also when it raises.
    """
    done = threading.Event()

    def run() -> None:
        while not done.wait(period_s):
            look()

    thread = threading.Thread(target=run, name="readings", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
