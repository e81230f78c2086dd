"""Rules that turn a dataset into sentences: each a pure function, each sentence with its numbers."""
