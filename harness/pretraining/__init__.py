"""Pretraining: meta-epochs, the checkpoints that they leave, and where these are kept."""
