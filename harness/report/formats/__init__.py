"""What tables are written as."""
