"""Trials and pretraining on several workers, here or elsewhere, by Dask (the extra `dask`)."""
