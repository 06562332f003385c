"""Runs trials: plans them, gives each a process of its own, keeps what they leave."""
