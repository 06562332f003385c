"""Runs and estimates side by side: what differs, by how much, and whether it is shown."""
