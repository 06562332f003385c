"""Seconds and counted memory of a search step, methods beside each other on this machine."""
