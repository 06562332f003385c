"""Finds plugins, keeps what they register under names, and turns a name into an object."""
