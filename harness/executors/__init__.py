"""What runs trials side by side: processes of this machine, or many machines."""
