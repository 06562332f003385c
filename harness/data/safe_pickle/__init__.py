"""Reads pickles of numeric arrays and plain values, and runs nothing that a pickle says.

A pickle is a program for a stack machine. Python's own machine imports and calls whatever the
program names, so that a pickle from a stranger can do anything. Here is another machine for the
same operations, which `pickletools` in the standard library describes. It has the `operations` of
protocols 0 to 5 that make plain values, and a closed list of names, for each of which it builds the
value itself (`values`); nothing is ever imported or called by name. All the rest is refused.

Memory is bounded by the file's size, by the number of operations, and by what is built from values
that were read before, since a program can ask for these again and again.
"""

from harness.data.safe_pickle.reading import MAX_BYTES, MAX_OPERATIONS, read_pickle

__all__ = ["MAX_BYTES", "MAX_OPERATIONS", "read_pickle"]
