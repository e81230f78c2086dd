"""An anemometer on SciOps Workbench: its log, gusts, and a wind rose."""
