"""Writes the package of a new plugin: names, templates, and the folder that comes of them."""
