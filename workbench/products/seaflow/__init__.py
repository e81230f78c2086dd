"""From raw particles to populations: filter, gate, size, abundance. Pure and vectorised.

Quantiles are always the three of SeaFlow (2.5, 50, 97.5), in this order; arrays carry them as their last axis or as
the bits 1, 2, 4 of a mask.
"""

QUANTILES = (2.5, 50.0, 97.5)
