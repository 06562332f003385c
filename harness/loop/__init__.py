"""The loop around a method's steps, and what stops it; trials, pretraining and checks share it."""
