"""Device profiles, and what this machine is; the devices themselves are plugins."""
