"""What runs, estimates and benchmarks leave, as typed models: written, read, joined."""
