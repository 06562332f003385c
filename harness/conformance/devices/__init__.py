"""The rules for devices, a module each."""
