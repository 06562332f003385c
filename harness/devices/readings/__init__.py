"""What can be read of the machine at hand: names, memory, power, clocks, temperatures."""
