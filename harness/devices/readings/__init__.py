"""What the machine at hand can tell of itself: its names, memory, power, clocks, temperatures."""
