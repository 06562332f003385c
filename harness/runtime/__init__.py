"""Processes, files, seeds and threads: what trials and pretraining are run with."""
