"""What the machine at hand takes for the work of a search: measured, then fitted."""
