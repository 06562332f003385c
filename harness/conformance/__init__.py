"""The rules that a plugin's methods, data sets and devices are held to, each with a check."""
