"""Repeats a run and compares: `python -m scripts.rerun RUN`."""
