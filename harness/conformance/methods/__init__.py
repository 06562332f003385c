"""The rules for search methods, a module each."""
