"""The cell search space that all methods share: identical spaces are half of a fair comparison.

`spec`, `choices`, `genotype` and `architecture` import no torch, so that a plan can be made without
it; the rest computes.
"""
