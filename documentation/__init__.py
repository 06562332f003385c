"""Writes the reference part of the documentation from the code, whenever the site is built."""
