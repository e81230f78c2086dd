"""A seeded cruise, written in the real file formats with its truth beside it. Everything is a function of (seed, time)."""
