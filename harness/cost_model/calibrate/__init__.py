"""Calibration: measures or collects times, and fits cost models to them."""
