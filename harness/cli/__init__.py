"""The command line: reads what was asked for, calls the other packages, prints what they return."""
