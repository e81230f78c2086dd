"""Self-contained documents made of views: one HTML file, and its PDF."""
