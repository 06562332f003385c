"""Writes the package of a new plugin from templates."""
