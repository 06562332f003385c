"""Trials and meta-tasks on the workers of a Dask scheduler (the extra `dask`)."""
