"""Zero-cost scores of untrained networks, and how well they rank architectures of a table."""
