"""Measures memory and time."""
