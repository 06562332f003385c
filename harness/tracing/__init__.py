"""Runs search steps on shapes alone, to count the memory they hold and the kernels they launch."""
