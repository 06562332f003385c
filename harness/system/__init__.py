"""Copes with differences between people's machines: text files, names, folders, locks, streams.

Each difference is handled in one place, so that the rest of the harness need not know about it.
"""
