"""The words everybody uses: clock, window, viewport, snapshot, codes, variables, units, plug-ins, errors."""
