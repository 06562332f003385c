"""What records say side by side."""
