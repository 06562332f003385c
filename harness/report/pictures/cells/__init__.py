"""Cells as directed graphs: which operation leads from where to where."""
