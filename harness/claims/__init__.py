"""Published claims about methods, and whether they hold."""
