"""The machine at hand: what it is, and whether it has what a run needs."""
