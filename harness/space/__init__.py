"""The cell search space that all methods share: identical spaces are half of a fair comparison.

`topology` and `genotype` import no torch; the rest computes.
"""
