"""The rules for data sets, a module each."""
