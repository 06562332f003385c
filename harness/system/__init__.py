"""What people's machines, editors and habits do: text files, names, folders, locks, streams.

Each oddity is met in one place, so that the rest of the harness need not know of it.
"""
