"""From raw particles to populations: filter, gate, size, abundance. Pure and vectorised."""
