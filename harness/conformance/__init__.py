"""The rules that plugins' methods, data sets, devices, spaces and scores are checked against."""
