"""Compares runs and estimates with each other, and with published numbers."""
