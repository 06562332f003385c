"""Boards that are reached by ssh: the connection, what the board does, and what is done there."""
