"""Loads plugins, keeps the names that they register, and turns a name into an object."""
