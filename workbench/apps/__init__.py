"""Composition only: the board, the demo, the commands, and the routes that map every URL."""
