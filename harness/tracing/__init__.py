"""Runs search steps on shapes alone: what they would hold and launch, and how long that takes."""
