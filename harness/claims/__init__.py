"""Claims that were published of methods, and whether they hold."""
