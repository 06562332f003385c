"""Scores of untrained networks, and how well they rank what a table has measured."""
