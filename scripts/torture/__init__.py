"""Faults that must be survived, really made: `python -m scripts.torture`."""
