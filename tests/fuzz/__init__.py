"""Hostile bytes by the million: `make fuzz`, or `python -m fuzz` with tests/ on the path."""
