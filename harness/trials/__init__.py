"""Runs one trial after another: the protocols, the limits, the record each leaves."""
