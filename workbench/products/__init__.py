"""Dataset to Dataset, one quantity a file: what is derived, as pure functions."""
