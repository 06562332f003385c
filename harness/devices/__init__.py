"""What every device has: a profile. The devices themselves are plugins."""
