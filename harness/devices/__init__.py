"""Device profiles, and whether this machine is a device; the devices themselves are plugins."""
