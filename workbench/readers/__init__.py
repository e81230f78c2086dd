"""Bytes to datasets. One format per file, each an xarray engine."""
