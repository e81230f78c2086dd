"""The cruise on disk: what people and instruments did, kept at every kill."""
