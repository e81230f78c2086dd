"""Copies of a source's rows in another store, kept up with a cursor through outages of it."""
