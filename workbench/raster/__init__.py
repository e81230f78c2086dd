"""Dataset x Viewport -> pixels: count, levels, frames, envelopes, the coastline. Plain numpy and numba."""
