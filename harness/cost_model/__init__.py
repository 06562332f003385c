"""Cost models: fitted or measured profiles of a device that predict its times."""
