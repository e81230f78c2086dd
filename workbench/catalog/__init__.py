"""YAML to a Cruise of Sources. The only room that knows intake."""
