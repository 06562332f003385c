"""Kept models: their folder, their predictions, other formats, and the card."""
